"""Stores of somebody else: what they cannot keep is said, never kept in memory instead."""

from __future__ import annotations

import pytest

from rag_embed import Document, Index
from rag_embed.chunking import TokenSplitter
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput
from rag_embed.indexing.assembly import settings_of, space_of
from rag_embed.indexing.installed import install, installed
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
    splitter, space = TokenSplitter(ENCODER, 20, 0), space_of("titled", ENCODER, tokens=False)
    store.configure(settings_of(space, splitter).entries())
    return Index(store, splitter, space)


def test_events_are_where_the_store_keeps_them() -> None:
    inner = MemoryStore({"dense": 32})
    index = index_over(Wrapped(inner))
    assert index.remember("ann", ["green tea"]) == 1
    again = index_over(Wrapped(inner))
    assert again.profile("ann").count == 1
    assert inner.events(ENCODER.signature).users() == ["ann"]
    assert again.forget("ann") == 1 and index.profile("ann").count == 0


def test_a_store_that_keeps_none_says_so() -> None:
    index = index_over(Bare(MemoryStore({"dense": 32})))
    index.add([Document("a", "red fox"), Document("b", "hers", user="ann")])
    for asked in (lambda: index.remember("ann", ["green tea"]), lambda: index.profile("ann")):
        with pytest.raises(BadInput, match="Bare keeps no events"):
            asked()
    assert index.search("fox", user="ann")[0].chunk.doc_id == "a"
    assert index.forget("ann", events=["1"]) == 0 and index.forget("ann") == 1
    assert installed(index.store) is None
    with pytest.raises(BadInput, match="Bare keeps no files"):
        install(index.store, None)
