"""Stores of somebody else: what they cannot keep is said, never kept in memory instead."""

from __future__ import annotations

import pytest

from rag_embed import Document, Index, field
from rag_embed.analysis import Analyzer
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput, IndexExists, NoIndex
from rag_embed.indexing.installed import install, installed
from rag_embed.routing import PilotRouter
from rag_embed.stores.memory import MemoryStore

ENCODER = HashEncoder(32)


class Wrapped:
    """A store that satisfies the Protocol and shares no class with ours."""

    def __init__(self, inner: MemoryStore) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)


class Bare(Wrapped):
    """One that can keep neither events nor files."""

    files = None

    def events(self, signature, half_life="stored", /):
        return None


def index_over(store) -> Index:
    return Index.at(store, encoder=ENCODER, situate="titled", chunk_tokens=20)


def test_an_index_is_made_and_opened_in_a_store_of_ones_own() -> None:
    inner = MemoryStore({"dense": 32}, fields={"n": int})
    with pytest.raises(NoIndex, match="This Wrapped holds no index yet"):
        Index.open(Wrapped(inner), encoder=ENCODER)
    index = Index.create(Wrapped(inner), encoder=ENCODER, chunk_tokens=7)
    index.add([Document("a", "red fox", metadata={"n": 1}), Document("b", "blue sea")])
    again = Index.open(Wrapped(inner), encoder=ENCODER)
    assert again.search("fox", where=field("n") == 1) == index.search("fox", where=field("n") == 1)
    assert (
        again.spaces.cut["max_tokens"] == 7 and again.add([Document("a", "red fox")]).replaced == 1
    )
    with pytest.raises(IndexExists, match="holds an index already"):
        Index.create(Wrapped(inner), encoder=ENCODER)
    for made in ({"fields": {"n": int}}, {"storage_options": {}}, {"analyzer": Analyzer()}):
        with pytest.raises(BadInput, match="make the Wrapped with"):
            Index.create(Wrapped(MemoryStore({"dense": 32})), encoder=ENCODER, **made)
    with pytest.raises(BadInput, match="made with chunk_tokens=7, got 9"):
        Index.at(Wrapped(inner), encoder=ENCODER, chunk_tokens=9)


def test_events_are_where_the_store_keeps_them() -> None:
    inner = MemoryStore({"dense": 32})
    index = index_over(Wrapped(inner))
    assert index.users.remember("ann", ["green tea"]) == 1
    again = index_over(Wrapped(inner))
    assert again.users.profile("ann").count == 1
    assert inner.events(ENCODER.signature).users() == ["ann"]
    assert again.forget("ann") == 1 and index.users.profile("ann").count == 0


def test_a_store_that_keeps_none_says_so() -> None:
    index = index_over(Bare(MemoryStore({"dense": 32})))
    index.add([Document("a", "red fox"), Document("b", "hers", user="ann")])
    for asked in (
        lambda: index.users.remember("ann", ["green tea"]),
        lambda: index.users.profile("ann"),
    ):
        with pytest.raises(BadInput, match="Bare keeps no events"):
            asked()
    assert index.search("fox", user="ann")[0].chunk.doc_id == "a"
    assert index.forget("ann", events=["1"]) == 0 and index.forget("ann") == 1
    assert installed(index.store) is None
    with pytest.raises(BadInput, match="Bare keeps no files"):
        install(index.store, PilotRouter.__new__(PilotRouter))
