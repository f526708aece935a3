"""What is held in memory is shared, stays within bounds, and goes when nobody reads it."""

from __future__ import annotations

import gc
import shutil
import weakref
from dataclasses import replace
from unittest import mock

import pyarrow as pa
import pytest
from stores.readings import OWNERS, UNITS, answers, rebuilt, resident, write

from rag_embed.filters import field
from rag_embed.stores.lance import LanceStore
from rag_embed.stores.manifests import Fragment, Named
from rag_embed.stores.snapshot import Snapshot
from rag_embed.stores.written import Written


@pytest.fixture
def store(many, tmp_path) -> LanceStore:
    return LanceStore.open(shutil.copytree(many, tmp_path / "kb"))


def test_nothing_that_was_written_stays_but_what_is_to_be_read(store) -> None:
    written = store.view().snapshot.held.written
    write(store, "unread", 1)
    assert not written._rows  # nobody has read anything yet
    resident(store.view())
    write(store, "d7", 99, OWNERS[7 % 3])
    assert not written._rows  # it took the place of rows
    write(store, "new", 1)
    assert len(written._rows) == 1
    resident(store.view())
    assert not written._rows
    write(store, "private", 2, "ann")
    store.forget("ann")
    assert not written._rows


def test_rows_that_were_written_last_stay_within_bounds() -> None:
    some, rows = Written(room=3000), pa.table({"id": ["x" * 1000]})
    files = [Fragment(i, 1, 0, (Named(f"data/{i}", None),)) for i in range(9)]
    for i in range(9):
        some.put(f"data/{i}", rows)
    assert [some.of(one, ["id"]) is not None for one in files] == [False] * 7 + [True] * 2
    more = replace(files[8], files=(*files[8].files, Named("data/filled", None)))
    assert some.of(more, ["id"]) is None and some.of(files[8], ["id", "other"]) is None


def test_stores_of_one_place_share_what_is_held(store) -> None:
    other = LanceStore.open(store.uri)
    mine, theirs = resident(store.view()), resident(other.view())
    assert mine is theirs
    write(other, "new", 1)
    assert resident(store.view()) is resident(other.view()) is not mine


def test_what_is_held_goes_with_the_last_view(store) -> None:
    other = LanceStore.open(store.uri)
    roster = weakref.ref(resident(store.view()).roster)
    resident(other.view())
    store._viewing._latest = None
    gc.collect()
    assert roster() is not None
    del other
    gc.collect()
    assert roster() is None


def test_memory_is_bounded_when_rows_are_replaced_for_ever(few, tmp_path) -> None:
    store = LanceStore.open(shutil.copytree(few, tmp_path / "kb"))
    sizes = []
    with mock.patch("rag_embed.stores.resident._SPARE", 16):
        for i in range(30):
            write(store, "d1", i, OWNERS[1])
            sizes.append(resident(store.view()).size)
    assert max(sizes) <= 1.5 * len(store.view()) + 16 + 4 and sizes != sorted(sizes)
    with mock.patch("rag_embed.stores.resident._SPARE", 0):
        for i in range(15):
            write(store, "d1", i, OWNERS[1])
            found = resident(store.view())
        assert found.size <= 1.5 * found.count + 4
        assert answers(store.view()) == answers(rebuilt(store))


def test_many_filters_neither_pile_up_nor_displace_vectors(store) -> None:
    view = store.view()
    for i in range(140):
        view.nearest("dense", UNITS[:1], 5, field("year") < i)
    roster = resident(view).roster
    assert len(roster.columns) <= 130
    write(store, "new", 1)
    with mock.patch.object(Snapshot, "stream", side_effect=AssertionError("read everything")):
        assert resident(store.view()).roster is roster


def test_rows_that_were_all_moved_lie_in_no_array_beside_what_they_were(few, tmp_path) -> None:
    store = LanceStore.open(shutil.copytree(few, tmp_path / "kb"))
    with mock.patch("rag_embed.stores.resident._SPARE", 0):
        before = resident(store.view())
        answers(store.view())
        store.optimize()
        after = resident(store.view())
        assert answers(store.view()) == answers(rebuilt(store))
    assert (after.numbers(after.roster.ids) != before.numbers(before.roster.ids)).all()
    assert after.size == after.count == before.count


def test_what_nobody_reads_goes_without_the_collector_of_garbage(few, tmp_path) -> None:
    """It comes seldom, and what waits for it are the vectors of an index."""
    store = LanceStore.open(shutil.copytree(few, tmp_path / "kb"))
    gc.disable()
    try:
        with mock.patch("rag_embed.stores.resident._SPARE", 0):
            for change in (lambda: write(store, "new", 1), store.optimize):
                before = resident(store.view())
                answers(store.view())
                gone = [weakref.ref(before), weakref.ref(before.snapshot)]
                del before
                change()
                answers(store.view())
                assert [one() for one in gone] == [None, None]
    finally:
        gc.enable()
