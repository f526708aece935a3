"""Every way to situate chunks keeps one contract."""

from __future__ import annotations

import pytest

from rag_embed.encoders import HashEncoder
from rag_embed.situated.described import described
from rag_embed.situated.expressions import situated
from rag_embed.testing import ChunkEncoderContract

NAMES = [
    "isolated",
    "titled",
    "titled(path)",
    "mean(titled)",
    "heading(titled)",
    "headed(titled,0.25)",
    "titled+0.25*heading(titled)",
    "titled+0.25*mean(titled)+0.5*heading(isolated)",
    "summary",
]


class TestByName(ChunkEncoderContract):
    @pytest.fixture(scope="class", params=NAMES)
    @classmethod
    def space(cls, request):
        return situated(request.param, HashEncoder(32))


class TestDescribed(ChunkEncoderContract):
    @pytest.fixture(scope="class")
    @classmethod
    def space(cls):
        def write(document, chunk):
            return f"Of {document.title}, {len(document.text)} characters."

        return described(write, name="by hand")(HashEncoder(32))
