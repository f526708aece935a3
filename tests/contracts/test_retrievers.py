"""Everything that finds keeps one contract: plain, routed, personal, re-ranked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rag_embed import Index, UserEvent
from rag_embed.encoders import HashEncoder
from rag_embed.personal.affinity import Affinity
from rag_embed.personal.setting import Setting
from rag_embed.ranking.best_chunks import BestChunks
from rag_embed.ranking.legs import LexicalLeg
from rag_embed.ranking.neighbours import Neighbours
from rag_embed.ranking.rerank import Reranked, stored_rows
from rag_embed.ranking.rerankers import FunctionReranker
from rag_embed.ranking.retriever_leg import RetrieverLeg
from rag_embed.testing import RetrieverContract
from rag_embed.testing.corpus import indexed
from rag_embed.types import Route


class ByLength:
    """A router of somebody else's."""

    def route(self, queries, vectors):
        return [Route({"dense": 1.0 / len(query.text), "lexical": 1.0}, 0.5) for query in queries]


def remembering(index: Index) -> Index:
    index.users.remember("ann", [UserEvent(str(i), "ann", f"tea {i}", float(i)) for i in range(5)])
    index.users.remember("eve", [UserEvent(str(i), "eve", f"wine {i}", float(i)) for i in range(9)])
    return index


class TestIndex(RetrieverContract):
    @pytest.fixture(scope="class")
    @classmethod
    def make(cls):
        return lambda documents: indexed(documents).retriever


class TestLance(RetrieverContract):
    @pytest.fixture(scope="class")
    @classmethod
    def make(cls, tmp_path_factory):
        def made(documents):
            folder = tmp_path_factory.mktemp("contract") / "kb"
            index = Index.create(
                folder, encoder=HashEncoder(32), chunk_tokens=14, fields={"year": int}
            )
            index.add(documents)
            return index.retriever

        return made


class TestRouted(RetrieverContract):
    @pytest.fixture(scope="class")
    @classmethod
    def make(cls):
        def made(documents):
            index = indexed(documents)
            index.experts.router = ByLength()
            return index.retriever

        return made


class TestPersonal(RetrieverContract):
    @pytest.fixture(scope="class", params=[Setting(0.5), Setting(0.5, "session")], ids=str)
    @classmethod
    def make(cls, request):
        def made(documents):
            index = remembering(indexed(documents))
            index.users.setting = request.param
            return index.retriever

        return made


class TestStrangersLeg(RetrieverContract):
    """A retriever as a leg of another one."""

    @pytest.fixture(scope="class")
    @classmethod
    def make(cls):
        def made(documents):
            index = indexed(documents)
            other = index.experts.hybrid().alone("lexical")
            legs = (*index.experts.hybrid().legs, RetrieverLeg("other", other))
            weights = {"dense": 0.5, "lexical": 0.5, "other": 0.25}
            return replace(index.experts.hybrid(), legs=legs, stages=(), weights=weights)

        return made


class TestLexicalAlone(RetrieverContract):
    @pytest.fixture(scope="class")
    @classmethod
    def make(cls):
        def made(documents):
            index = indexed(documents)
            weights = {"dense": 1e-9, "lexical": 1.0}
            assert LexicalLeg().name in weights
            return replace(index.experts.hybrid(), stages=(), weights=weights)

        return made


RERANKERS = {
    "function alone": lambda index: Reranked(
        index.retriever,
        FunctionReranker(lambda query, texts: [len(text) % 7 for text in texts]),
        rows=stored_rows(index.store),
    ),
    "function beside": lambda index: Reranked(
        index.retriever,
        FunctionReranker(lambda query, texts: [-len(text) for text in texts]),
        weight=0.5,
        rows=stored_rows(index.store),
    ),
    "affinity": lambda index: Reranked(
        index.retriever,
        Affinity(index.store, index.users.profiles),
        weight=0.5,
        spread=False,
        rows=stored_rows(index.store),
    ),
    "neighbours": lambda index: Reranked(
        index.retriever,
        Neighbours(index.store),
        depth=100,
        weight=0.3,
        spread=False,
        rows=stored_rows(index.store),
    ),
    "best chunks": lambda index: Reranked(
        index.retriever, BestChunks(), depth=100, spread=False, rows=stored_rows(index.store)
    ),
}


class TestReranked(RetrieverContract):
    @pytest.fixture(scope="class", params=RERANKERS.values(), ids=RERANKERS)
    @classmethod
    def make(cls, request):
        return lambda documents: request.param(remembering(indexed(documents)))
