"""Chunks that were read last are not read again, and none is served that is not in the version."""

from __future__ import annotations

import gc
import weakref
from unittest import mock

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_embed import Chunk, Document
from rag_embed.stores.lance import LanceStore
from rag_embed.stores.packed_rows import PackedRows
from rag_embed.stores.recent import Recent
from rag_embed.stores.resident import Resident
from rag_embed.stores.snapshot import Snapshot
from rag_embed.types import ChunkRows

ROW = np.ones((1, 1), np.float32)


def write(store: LanceStore, name: str, text: str, owner: str | None = None) -> str:
    document = Document(name, text, metadata={"seen": [text]}, user=owner)
    chunk = Chunk.of(document, 0, 4)
    store.replace([(document, text)], ChunkRows([chunk], {"dense": ROW}))
    return chunk.id


def asked(store: LanceStore) -> Resident:
    """The chunks of the latest version, all read once."""
    view = store.view()
    view.nearest("dense", ROW, 9, None)
    view.chunks(view.passing(None))
    assert view.snapshot.resident is not None
    return view.snapshot.resident


@pytest.fixture
def store(tmp_path) -> LanceStore:
    made = LanceStore.create(tmp_path / "kb", {"dense": 1})
    for name in ("a", "b", "c"):
        write(made, name, f"text of {name}")
    return made


def test_what_was_read_is_not_read_again_even_after_a_write(store) -> None:
    asked(store)
    new = write(store, "d", "text of d")
    failing = {"side_effect": AssertionError("read")}
    with (
        mock.patch.object(Snapshot, "at", **failing),
        mock.patch.object(Snapshot, "stream", **failing),
    ):
        chunks = store.view().chunks(["c#0-4", "gone", "a#0-4", "a#0-4"])
        assert [chunk.doc_id for chunk in chunks] == ["c", "a", "a"]
        with pytest.raises(AssertionError, match="read"):
            store.view().chunks(["a#0-4", new])
    assert [chunk.text for chunk in store.view().chunks([new, "b#0-4"])] == ["text", "text"]


def test_of_a_chunk_that_was_replaced_every_version_tells_its_own(store) -> None:
    asked(store)
    old = store.view()
    id = write(store, "a", "else what")
    assert [chunk.text for chunk in store.view().chunks([id])] == ["else"]
    assert [chunk.text for chunk in old.chunks([id])] == ["text"]
    store.delete(["a"])
    assert store.view().chunks([id]) == []
    assert asked(store).recent.get(0) is None


def test_what_a_caller_does_to_a_chunk_stays_with_the_caller(store) -> None:
    asked(store)
    [chunk] = store.view().chunks(["a#0-4"])
    chunk.metadata["seen"].append("mine")
    [again] = store.view().chunks(["a#0-4"])
    assert again.metadata == {"seen": ["text of a"]}


def test_nothing_of_a_forgotten_user_stays_in_memory(store) -> None:
    write(store, "mine", "a secret", "ann")
    kept = weakref.ref(asked(store).recent)
    store.forget("ann")
    gc.collect()
    assert kept() is None
    again = asked(store)
    assert {again.recent.get(slot)["doc_id"] for slot in again.slots} == {"a", "b", "c"}


def test_nor_in_another_store_of_the_process(store) -> None:
    """It need not search first: what it had read went at once, and its view reads anew."""
    other = LanceStore.open(store.uri)
    write(store, "mine", "a secret", "ann")
    kept = asked(other)
    store.forget("ann")
    assert [kept.recent.get(slot) for slot in kept.slots] == [None] * 4
    assert {chunk.doc_id for chunk in other.view().chunks(other.view().passing(None))} == set("abc")


def test_a_version_hands_on_only_what_the_next_one_has(store) -> None:
    """Also where another store of the process deleted it."""
    before = asked(store)
    LanceStore.open(store.uri).delete(["b"])
    after = store.view().snapshot.resident
    assert after is not None and after.roster is before.roster
    kept = [slot for slot in range(3) if after.recent.get(slot)]
    assert [before.roster.ids[slot] for slot in kept] == ["a#0-4", "c#0-4"]


def packed(tmp_path) -> tuple[LanceStore, list[str]]:
    """A store whose chunks were all read at once."""
    store = LanceStore.create(tmp_path / "kb", {"dense": 1})
    ids = [
        write(store, f"d{number}", f"text of {number}", "ann" * (number == 3) or None)
        for number in range(9)
    ]
    view = store.view()
    view.nearest("dense", ROW, 1, None)
    for id in ids[:2]:  # the second is read with all others
        assert [chunk.id for chunk in view.chunks([id])] == [id]
    return store, ids


def test_single_reads_are_followed_by_one_of_all(tmp_path) -> None:
    store, ids = packed(tmp_path)
    new = write(store, "d9", "text of 9")
    failing = {"side_effect": AssertionError("read")}
    with (
        mock.patch.object(Snapshot, "at", **failing),
        mock.patch.object(Snapshot, "stream", **failing),
    ):
        assert [chunk.id for chunk in store.view().chunks(ids)] == ids
    assert [chunk.id for chunk in store.view().chunks([ids[8], new])] == [ids[8], new]


def test_of_what_was_packed_a_version_has_its_own_alone(tmp_path) -> None:
    store, ids = packed(tmp_path)
    old = store.view()
    assert write(store, "d0", "else what") == ids[0]
    store.delete(["d1"])
    new = store.view()
    assert [chunk.text for chunk in new.chunks(ids[:3])] == ["else", "text"]
    assert [chunk.text for chunk in old.chunks(ids[:3])] == ["text"] * 3
    assert new.snapshot.resident is not None
    kept = new.snapshot.resident.recent._packed
    assert [str(rows["doc_id"]) for _, rows in kept.parts if "d1" in str(rows["doc_id"])] == []
    store.forget("ann")
    assert [new.snapshot.resident.recent.get(slot) for slot in range(11)] == [None] * 11


def test_what_does_not_fit_is_not_read_at_once() -> None:
    some = Recent()
    assert not some.all_at_once(1, 2, 1000), "nobody knows yet how large one is"
    some.put(0, {"text": "x" * 500, "metadata_json": ""})
    assert some.all_at_once(1, 2, 1200) and not some.all_at_once(1, 2, 1199)
    assert not some.all_at_once(0, 9000, 2**30), "they cost more than was spent"


@given(st.data())
def test_packed_rows_are_those_that_were_put_in(data) -> None:
    slots = data.draw(st.lists(st.integers(0, 40), unique=True))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(slots)), max_size=3)))
    parts = [np.array(part, np.intp) for part in np.split(np.array(slots, np.intp), cuts)]
    some = PackedRows.of((part, pa.record_batch({"n": pa.array(part)})) for part in parts)
    live = np.array(data.draw(st.lists(st.booleans(), max_size=41)), np.bool_)
    known = {slot for slot in slots if slot < len(live) and live[slot]}
    for rows, expected in ((some, set(slots)), (some.among(live), known)):
        found = {slot: rows.get(slot) for slot in range(45)}
        assert found == {slot: {"n": slot} if slot in expected else None for slot in range(45)}


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3000)), max_size=60))
def test_room_is_never_exceeded_and_the_last_ones_stay(puts) -> None:
    some, sizes = Recent(room=4000), {}
    for slot, length in puts:
        sizes.setdefault(slot, length)
        if some.get(slot) is None:
            sizes[slot] = length
        some.put(slot, {"text": "x" * length, "metadata_json": ""})
        kept = [slot for slot in range(10) if some.get(slot)]
        assert sum(sizes[slot] + 500 for slot in kept) <= 4000
        assert slot in kept
