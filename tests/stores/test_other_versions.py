"""Readers of one version while others are written, restored, or put in its place."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from stores.readings import (
    DIM,
    OWNERS,
    UNITS,
    answers,
    new,
    read_from_tables,
    rebuilt,
    write,
)

from rag_embed import Chunk, Document
from rag_embed.filters import field
from rag_embed.stores.held import Held
from rag_embed.stores.lance import LanceStore
from rag_embed.types import ChunkRows, TokenBits


@pytest.fixture
def store(many, tmp_path) -> LanceStore:
    return LanceStore.open(shutil.copytree(many, tmp_path / "kb"))


def test_a_version_that_is_read_still_is_opened_before_it_goes(store) -> None:
    kept = store.view()
    every = sorted(kept.nearest("dense", UNITS[:1], len(kept), None)[0][0])
    file = kept.snapshot.told.path
    write(store, "new", 1)
    assert len(store.view()) > len(kept)
    file.unlink()
    assert [chunk.id for chunk in kept.chunks(every)] == every


def test_an_index_made_anew_in_the_same_place_is_another(store) -> None:
    """Ids and row numbers are the same, vectors are not."""
    before = answers(store.view())
    uri = store.uri
    shutil.rmtree(uri)
    again = new(uri)
    for i in range(40):
        write(again, f"d{i}", i + 1000, OWNERS[i % 3])
    assert answers(again.view()) == answers(rebuilt(again)) != before


def test_a_space_made_anew_under_the_same_name_is_another(tmp_path) -> None:
    """LanceDB fills the new column in place: no row gets another number."""
    store = new(tmp_path / "kb")
    write(store, "d", 3)
    for unit in UNITS[:2]:
        store.optimize()  # what is in a search index is filled in place
        store.grow({"more": DIM}, [])
        lacking = store.lacking()
        store.fill(lacking, {"more": np.tile(unit, (len(lacking), 1))}, {})
        store.adopt({})
        found = store.view().vectors("more", lacking)
        assert (found == unit).all()
        kept = store.view()  # so that what is held outlives the change
        store.drop("more", {})
    assert (kept.vectors("more", lacking) == UNITS[1]).all()


def test_threads_read_whole_versions_while_one_writes(store) -> None:
    """All chunks of a document have the same vector, so a hit list that mixes versions shows."""
    document = Document("same", "a\nb\nc\nd")
    chunks = [Chunk.of(document, 2 * i, 2 * i + 1, ordinal=i) for i in range(4)]
    tokens = [TokenBits(np.zeros(1, np.int32), np.zeros((1, 1), np.uint8))] * 4
    faults: list[object] = []
    done = threading.Event()
    where = field("doc_id") == "same"

    def put(i: int) -> None:
        rows = np.tile(UNITS[i % 2], (4, 1))
        store.replace([(document, "h")], ChunkRows(chunks, {"dense": rows}, {"dense": tokens}))

    def read(mine: LanceStore) -> None:
        while not done.is_set():
            try:
                view = mine.view()
                [(ids, scores)] = view.nearest("dense", UNITS[:1], 10, where)
                rows = view.vectors("dense", ids)
                if (
                    len(ids) != 4
                    or len(set(scores.tolist())) != 1
                    or len(np.unique(rows, axis=0)) > 1
                ):
                    faults.append((ids, scores, rows))
                view.moments("dense")
            except Exception as error:
                faults.append(error)

    put(0)
    readers = [store, store, LanceStore.open(store.uri)]
    threads = [threading.Thread(target=read, args=(mine,)) for mine in readers]
    for thread in threads:
        thread.start()
    for i in range(15):
        put(i)
    done.set()
    for thread in threads:
        thread.join()
    assert not faults
    assert answers(store.view()) == answers(rebuilt(store))


def test_an_older_version_that_is_restored_is_what_is_read(store) -> None:
    """With as many rows as the version before, which a count does not tell apart."""
    tables = store._chunks, store._documents
    was, older = answers(store.view()), [table.version for table in tables]
    gone = store.delete(["d39"])
    write(store, "d39", 7, OWNERS[0])
    assert gone and answers(store.view()) != was
    for table, version in zip(tables, older, strict=True):
        table.checkout(version)
        table.restore()
    assert answers(store.view()) == answers(rebuilt(store)) == was


@pytest.mark.parametrize("written", [1, 2, 3])
def test_a_copy_that_takes_the_place_of_the_index_is_what_is_read(store, tmp_path, written) -> None:
    """Also when it was written since: its versions and rows have the numbers of others that were read."""
    folder = Path(store.uri)
    answers(store.view())
    shutil.copytree(folder, tmp_path / "copy")
    for i in (1, 2):
        write(store, f"gone{i}", i, OWNERS[0])
        answers(store.view())
    shutil.rmtree(folder)
    shutil.copytree(tmp_path / "copy", folder)
    with mock.patch("rag_embed.stores.viewing.held_at", lambda *_: Held()):
        other = LanceStore.open(folder)  # as another process writes
        for i in range(written):
            write(other, f"new{i}", 10 + i, OWNERS[0])
    read = store.view()
    assert answers(read) == answers(rebuilt(store))
    assert read_from_tables(read) == read_from_tables(rebuilt(store))
