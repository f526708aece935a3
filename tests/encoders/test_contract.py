"""All encoders fulfil one contract."""

from __future__ import annotations

import pytest

from rag_embed.encoders import HashEncoder
from rag_embed.testing import EncoderContract


class TestHashEncoder(EncoderContract):
    @pytest.fixture
    def encoder(self):
        return HashEncoder()


class TestSentenceEncoder(EncoderContract):
    @pytest.fixture
    def encoder(self, tiny):
        from rag_embed.encoders import SentenceEncoder

        return SentenceEncoder(str(tiny), device="cpu")


class TestOpenVINOEncoder(EncoderContract):
    @pytest.fixture
    def encoder(self, tiny, cache):
        pytest.importorskip("rag_embed.encoders.ov")
        from rag_embed.encoders import OpenVINOEncoder

        return OpenVINOEncoder(str(tiny))
