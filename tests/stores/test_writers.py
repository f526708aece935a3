"""Several who write, tidy or read at once, and writes that fail."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
from children import READY
from lancedb.table import LanceTable
from stores.written_rows import ENCODER, document, quick, versions

from rag_embed import Document, Index
from rag_embed.errors import StoreError
from rag_embed.stores import lance, rereading, tending, upkeep, writing
from rag_embed.stores.lance import LanceStore
from rag_embed.testing.store_data import DIM, write
from rag_embed.types import EVERYBODY, Chunk


@pytest.fixture
def store(tmp_path: Path) -> LanceStore:
    return LanceStore.create(tmp_path / "kb", {"dense": DIM})


@pytest.mark.parametrize("same", [True, False])
def test_writers_without_a_lock_leave_one_copy(store, monkeypatch, same) -> None:
    """On an object store writers see of each other what they commit; here the lock is taken away."""
    write(store, *(document(i) for i in range(50)))
    store.optimize()
    monkeypatch.setattr(lance, "turn", lambda *_: nullcontext())
    stores = [LanceStore.open(store.uri) for _ in range(4)]
    for one in stores:
        monkeypatch.setattr(one._writer, "_alone", False)
    for i in range(100, 108):
        together = threading.Barrier(len(stores))

        def add(one: LanceStore, edition: int, i: int = i, together=together) -> None:
            together.wait()
            write(one, document(i, 3 + edition, edition))

        threads = [
            threading.Thread(target=add, args=(one, 0 if same else edition))
            for edition, one in enumerate(stores)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        rows = store._chunks.search().where(f"doc_id = 'd{i}'").to_arrow()
        ordinals = rows["ordinal"].to_pylist()
        assert sorted(ordinals) == list(range(len(ordinals))) and len(ordinals) >= 3
        assert store._documents.count_rows(f"id = 'd{i}'") == 1


def test_two_never_tidy_at_once(store, monkeypatch) -> None:
    quick(monkeypatch, commits=4)
    stores = [LanceStore.open(store.uri) for _ in range(3)]
    busy, most = Counter[str](), []
    keep = upkeep.Upkeep.keep

    def watched(self, name, table, wanted=()) -> None:
        busy["now"] += 1
        most.append(busy["now"])
        keep(self, name, table, wanted)
        busy["now"] -= 1

    monkeypatch.setattr(upkeep.Upkeep, "keep", watched)

    def work(one: LanceStore, first: int) -> None:
        for i in range(first, first + 8):
            write(one, document(i))
            one.tidy()

    threads = [threading.Thread(target=work, args=(one, 100 * n)) for n, one in enumerate(stores)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) > 6 and max(most) == 1
    assert len(list(store.document_ids())) == 24


def test_who_was_second_finds_little_to_do(store, monkeypatch) -> None:
    """It waited for the lock while another process tidied."""
    quick(monkeypatch, commits=4)
    other = LanceStore.open(store.uri)
    for i in range(6):
        write(store, document(i))
    turn = tending.turn

    @contextmanager
    def late(*arguments):
        with monkeypatch.context() as patch:
            patch.setattr(tending, "turn", turn)
            other.tidy()
        with turn(*arguments):
            yield

    monkeypatch.setattr(tending, "turn", late)
    version = store._chunks.version
    store.tidy()
    assert store._chunks.index_stats("id_idx").num_unindexed_rows == 0
    assert store._chunks.version <= version + 5  # what one of them does


def test_a_damaged_file_is_still_told(store) -> None:
    """One tries again only where a later version took the place of what was read."""
    write(store, document(1))
    [data] = Path(store.uri, "chunks.lance", "data").iterdir()
    data.unlink()
    calls = []

    def read(view) -> list[Chunk]:
        calls.append(view)
        return view.document_chunks("d1")

    with pytest.raises(StoreError, match="missing or damaged"):
        rereading.with_view(LanceStore.open(store.uri), read)
    assert len(calls) == 1


def test_a_version_that_is_gone_is_read_anew(store) -> None:
    write(store, *(document(i) for i in range(5)))
    write(store, Document("secret", "of ann", user="ann"))
    seen = []

    def read(view) -> int:
        seen.append(view)
        if len(seen) == 1:
            LanceStore.open(store.uri).forget("ann")  # in the middle of the search
        return len([c for i in range(5) for c in view.document_chunks(f"d{i}")])

    assert rereading.with_view(store, read) == 10 and len(seen) == 2
    with pytest.raises(StoreError):
        seen[0].document_chunks("d1")


def _search_on(path: str, stop, said) -> None:
    index = Index.open(path, encoder=ENCODER)
    count = 0
    try:
        while not stop.is_set():
            hits = index.search("fox number 7", k=3)
            assert len(hits) == 3, hits
            index.contents.documents(["fox-7"])
            index.contents.matching()
            index.store.known(["fox-7"])
            index.store.stats()
            count += 1
        said.put(count)
    except BaseException as error:
        said.put(repr(error))
        raise


def test_a_reader_beside_forgetting_and_upkeep_never_fails(tmp_path, monkeypatch) -> None:
    quick(monkeypatch, commits=3, keep=0)
    index = Index.create(tmp_path / "kb", encoder=ENCODER)
    index.add([Document(f"fox-{i}", f"The fox number {i} is red.") for i in range(40)])
    stop, said = READY.Event(), READY.Queue()
    readers = [
        READY.Process(target=_search_on, args=(index.store.uri, stop, said)) for _ in range(2)
    ]
    for one in readers:
        one.start()
    for i in range(12):
        index.add(Document(f"note-{i}", f"a private note {i}", user="ann"))
        index.add(Document(f"fox-{i}", f"The fox number {i} is red and {i} years old."))
        if i % 4 == 3:
            index.forget("ann")
    stop.set()
    found = [said.get(timeout=120) for _ in readers]
    for one in readers:
        one.join(60)
    assert all(isinstance(one, int) and one > 0 for one in found), found


def refusing(monkeypatch, table: str, *verbs: str) -> None:
    """From now on a table is not written by these methods."""
    for verb in verbs:
        real = getattr(LanceTable, verb)

        def refuse(own, *given, real=real, **options):
            if own.name == table:
                raise OSError("No space left on device")
            return real(own, *given, **options)

        monkeypatch.setattr(LanceTable, verb, refuse)


@pytest.mark.parametrize("table", ["chunks", "documents"])
def test_a_document_that_could_not_be_written_does_not_stay(store, monkeypatch, table) -> None:
    write(store, document(0))
    before = list(store.document_ids())
    refusing(monkeypatch, table, "add")
    with pytest.raises(StoreError, match="disk is full"):
        write(store, document(1))
    assert (list(store.document_ids()), len(store.view())) == (before, 2)


def test_a_document_that_could_not_be_taken_back_is_told_of(store, monkeypatch) -> None:
    write(store, document(0))
    refusing(monkeypatch, "chunks", "add")
    refusing(monkeypatch, "documents", "delete")
    with pytest.raises(
        StoreError, match=r"disk is full.* 1 document without.* as 'd1', .*: add or delete"
    ):
        write(store, document(1))
    assert store.known(["d1"]) == {"d1": ("", EVERYBODY)}
    monkeypatch.undo()
    write(store, document(1))
    assert len(store.view()) == 4


def test_a_writer_that_dies_leaves_no_chunk_of_a_document_that_is_none(store, monkeypatch) -> None:
    """Whatever it was about to write: search, listing and `known` agree on what there is."""
    write(store, *(document(i) for i in range(3)))

    def die(*_, **__):
        raise KeyboardInterrupt  # as a kill: nothing is taken back

    for table in ("documents", "chunks"):
        for verb in ("add", "merge_insert", "delete"):
            real = getattr(LanceTable, verb)
            monkeypatch.setattr(
                LanceTable,
                verb,
                lambda own, *a, real=real, table=table, **o: (
                    die() if own.name == table else real(own, *a, **o)
                ),
            )
        for change in (
            lambda: write(store, document(7), document(1, 1, 5)),
            lambda: store.delete(["d2"]),
        ):
            with pytest.raises(KeyboardInterrupt):
                change()
            ids = set(store.document_ids())
            assert {c.doc_id for c in store.view().chunks(store.view().passing(None))} <= ids
            whole = {id for id, (digest, _) in store.known(sorted(ids)).items() if digest}
            assert {"d0"} <= whole and "d7" not in whole
        monkeypatch.undo()
    write(store, document(7), document(1, 1, 5), digest="5")
    assert len(store.view().document_chunks("d7")) == 2


def test_a_write_without_room_is_refused_before_it_begins(store, monkeypatch) -> None:
    write(store, document(0))
    before = versions(store)
    monkeypatch.setattr(writing.shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(StoreError, match="disk is full"):
        write(store, document(1))
    assert versions(store) == before
