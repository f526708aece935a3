"""Every leg keeps one contract."""

from __future__ import annotations

import pytest
from word_weights import WordWeights

from rag_embed.ranking.foreign_leg import ForeignLeg, Found
from rag_embed.ranking.legs import DenseLeg, LexicalLeg
from rag_embed.ranking.retriever_leg import RetrieverLeg
from rag_embed.ranking.sparse_leg import SparseLeg
from rag_embed.testing import LegContract, indexed
from rag_embed.testing.corpus import corpus


def foreign(index):
    """Finds what is shared, by its text alone, and knows nothing of owners and filters."""
    shared = [one for one in corpus() if one.user is None]
    own = indexed(shared)

    def find(texts):
        found = own.search_many(texts, k=50)
        return [[Found(hit.text, score=hit.score) for hit in hits] for hits in found]

    return ForeignLeg("foreign", find)


def sparse(index):
    if "words" not in index.store.settings()["sparse"]:
        index.experts.add_space("words", WordWeights())
    return SparseLeg("words", WordWeights(), "words")


MADE = {
    "dense": lambda index: DenseLeg("dense", index.spaces.own),
    "lexical": lambda index: LexicalLeg(),
    "foreign": foreign,
    "sparse": sparse,
    "retriever": lambda index: RetrieverLeg("other", index.retriever),
}


class TestLegs(LegContract):
    @pytest.fixture(scope="class", params=MADE.values(), ids=MADE)
    @classmethod
    def make(cls, request):
        return request.param
