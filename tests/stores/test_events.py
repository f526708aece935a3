"""Both event stores fulfil one contract; how LanceDB deals events to tables, and what it refuses."""

from __future__ import annotations

import itertools
import shutil

import numpy as np
import pytest
from stores.told_events import SIGNATURE, events_of

from rag_embed.errors import SpaceMismatch, StoreError
from rag_embed.stores import event_search, upkeep
from rag_embed.stores import events as module
from rag_embed.stores.events import LanceEvents
from rag_embed.stores.memory_events import MemoryEvents
from rag_embed.testing.event_data import DIM, event, remember
from rag_embed.testing.events import EventStoreContract, state
from rag_embed.types import Signature


class TestMemoryEvents(EventStoreContract):
    @pytest.fixture
    def make(self):
        return lambda half_life=None: MemoryEvents(DIM, half_life=half_life)


class TestLanceEvents(EventStoreContract):
    @pytest.fixture
    def make(self, tmp_path):
        count = itertools.count()
        return lambda half_life=None: LanceEvents(
            tmp_path / str(next(count)), SIGNATURE, half_life=half_life
        )


class TestIndexedEvents(TestLanceEvents):
    """With search indexes, which small tables do not have, over some of the rows.

    All parts of the vector index are looked into, so that it misses nothing.
    """

    @pytest.fixture(autouse=True)
    def indexed(self, monkeypatch):
        monkeypatch.setattr(module, "BUCKETS", 1)
        monkeypatch.setattr(upkeep, "COMMITS", 2)
        monkeypatch.setattr(upkeep, "LOOSE", 40)
        monkeypatch.setattr(event_search, "INDEXED", 40)
        monkeypatch.setattr(event_search, "_PROBES", 1000)


def test_many_at_once_are_written_in_parts(tmp_path, monkeypatch) -> None:
    """LanceDB holds what it merges in memory, and refuses what is more than 300 MB."""
    monkeypatch.setattr(module, "_AT_ONCE", 3 * 2 * 4 * DIM)
    sizes, upsert = [], module.upsert

    def seen(table, key, written, local) -> None:
        sizes.append(len(written))
        upsert(table, key, written, local)

    monkeypatch.setattr(module, "upsert", seen)
    store, whole = LanceEvents(tmp_path, SIGNATURE), MemoryEvents(DIM)
    for one in (store, whole):
        remember(one, *events_of("ann", range(8)), *events_of("ben", range(2)))
    assert len(sizes) == 4 and max(sizes) == 3 + 1, "and the user's sum"
    assert state(store, ["ann", "ben"]) == state(whole, ["ann", "ben"])


def test_users_are_dealt_to_many_tables(tmp_path) -> None:
    store = LanceEvents(tmp_path, SIGNATURE)
    remember(store, *(event(f"user{i}", "1") for i in range(200)))
    assert 50 <= len(store._names()) <= module.BUCKETS
    assert len(store.users()) == 200


def test_every_table_can_be_written_after_reopening(tmp_path) -> None:
    users = [f"user{i}" for i in range(12)]
    remember(LanceEvents(tmp_path, SIGNATURE), *(event(user, "1") for user in users))
    again = LanceEvents(tmp_path, SIGNATURE)
    for user in users:
        remember(again, event(user, "2"))
        assert again.total(user).count == 2 == len(LanceEvents(tmp_path, SIGNATURE).history(user))


def test_another_encoder_or_half_life_is_refused(tmp_path) -> None:
    remember(LanceEvents(tmp_path, SIGNATURE, half_life=5.0), event("ann", "1"))
    with pytest.raises(SpaceMismatch, match="weights"):
        LanceEvents(tmp_path, Signature("hash", "2", DIM, 100))
    with pytest.raises(StoreError, match="half_life"):
        LanceEvents(tmp_path, SIGNATURE, half_life=None)
    assert LanceEvents(tmp_path, SIGNATURE).half_life == 5.0


def test_an_index_and_its_events_share_a_folder(tmp_path) -> None:
    from rag_embed import Document, Index
    from rag_embed.encoders import HashEncoder

    index = Index.create(tmp_path / "kb", encoder=HashEncoder(DIM))
    index.add([Document("d", "a red fox")])
    remember(LanceEvents(tmp_path / "kb", SIGNATURE), *events_of("ann", range(3)))
    again = Index.open(tmp_path / "kb", encoder=HashEncoder(DIM))
    assert [hit.chunk.doc_id for hit in again.search("fox")] == ["d"]
    assert LanceEvents(tmp_path / "kb", SIGNATURE).forget("ann") == 3


def test_a_store_that_is_made_anew_in_the_place_is_what_is_read(tmp_path) -> None:
    """Though its bucket has as many versions."""
    here = LanceEvents(tmp_path / "kb", SIGNATURE)
    remember(here, event("ann", "one"))
    gone = here.total("ann")
    shutil.rmtree(tmp_path / "kb")
    other = LanceEvents(tmp_path / "kb", SIGNATURE)
    remember(other, event("ann", "two"))
    assert np.array_equal(here.total("ann").total, other.total("ann").total)
    assert not np.array_equal(here.total("ann").total, gone.total)
