"""Every router keeps one contract."""

from __future__ import annotations

import pytest

from rag_embed.evaluation import Collection
from rag_embed.routing.router import Paper, PilotRouter
from rag_embed.testing import RouterContract
from rag_embed.testing.corpus import corpus
from rag_embed.tuning.pilots import learned
from rag_embed.types import Route


class Numbers:
    """A stranger's router: a rule over words."""

    def route(self, queries, vectors):
        numbers = {"lexical": 1.0}
        return [
            Route(numbers if any(map(str.isdigit, query.text)) else {"dense": 1.0}, 1.0)
            for query in queries
        ]


def pilots(index):
    documents = corpus()
    asked = {d.id: " ".join(d.text.split()[:6]) for d in documents[:12] if d.user is None}
    labels = Collection("mine", documents, asked, {id: {id: 1} for id in asked})
    return learned(index.experts.hybrid(), index.spaces.own.signature, labels)


MADE = {
    "soft": lambda index: PilotRouter(pilots(index)),
    "paper": lambda index: PilotRouter(pilots(index), "paper"),
    "paper with ties": lambda index: PilotRouter(pilots(index), "paper", paper=Paper(ties="first")),
    "rule": lambda index: Numbers(),
}


class TestRouters(RouterContract):
    @pytest.fixture(scope="class", params=MADE.values(), ids=MADE)
    @classmethod
    def make(cls, request):
        return request.param
