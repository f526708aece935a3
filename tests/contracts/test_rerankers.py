"""Every re-ranker keeps one contract."""

from __future__ import annotations

import pytest

from rag_embed import UserEvent
from rag_embed.personal.affinity import Affinity
from rag_embed.ranking.best_chunks import BestChunks
from rag_embed.ranking.neighbours import Neighbours
from rag_embed.ranking.rerankers import FunctionReranker
from rag_embed.testing import RerankerContract


def affinity(index):
    index.users.remember("ann", [UserEvent(str(i), "ann", f"tea {i}", float(i)) for i in range(5)])
    return Affinity(index.store, index.users.profiles)


MADE = {
    "function": lambda index: FunctionReranker(lambda query, texts: [len(one) for one in texts]),
    "affinity": affinity,
    "neighbours": lambda index: Neighbours(index.store),
    "best chunks": lambda index: BestChunks(),
    "best three": lambda index: BestChunks(take=3),
}


class TestRerankers(RerankerContract):
    @pytest.fixture(scope="class", params=MADE.values(), ids=MADE)
    @classmethod
    def make(cls, request):
        return request.param
