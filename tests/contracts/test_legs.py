"""Every leg keeps one contract."""

from __future__ import annotations

import pytest

from rag_embed.ranking.legs import DenseLeg, LexicalLeg
from rag_embed.ranking.retriever_leg import RetrieverLeg
from rag_embed.testing import LegContract

MADE = {
    "dense": lambda index: DenseLeg("dense", index.spaces.own),
    "lexical": lambda index: LexicalLeg(),
    "retriever": lambda index: RetrieverLeg("other", index.retriever),
}


class TestLegs(LegContract):
    @pytest.fixture(scope="class", params=MADE.values(), ids=MADE)
    @classmethod
    def make(cls, request):
        return request.param
