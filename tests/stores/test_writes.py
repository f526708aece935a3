"""Small writes cost what they are: no upkeep of their own, bounded files and versions, nobody disturbed."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from children import READY
from hypothesis import given, settings
from hypothesis import strategies as st
from lancedb.table import LanceTable

from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder
from rag_embed.errors import StoreError
from rag_embed.maths.bm25 import Postings
from rag_embed.stores import MemoryStore, lance, rereading, tending, upkeep, writing
from rag_embed.stores.lance import LanceStore
from rag_embed.testing.store_data import DIM, write
from rag_embed.types import EVERYBODY, Chunk

ENCODER = HashEncoder(dim=64)


@pytest.fixture
def store(tmp_path: Path) -> LanceStore:
    return LanceStore.create(tmp_path / "kb", {"dense": DIM})


def document(i: int, lines: int = 2, edition: int = 0) -> Document:
    text = "\n".join(f"line {n} of document {i} edition {edition}" for n in range(lines))
    return Document(f"d{i}", text)


def files(store: LanceStore, table: str = "chunks") -> int:
    """Data files on the disk, those of older versions included."""
    return len(list(Path(store.uri, f"{table}.lance", "data").iterdir()))


def versions(store: LanceStore) -> dict[str, int]:
    return {name: table.version for name, table in store._tables().items()}


def quick(monkeypatch: pytest.MonkeyPatch, commits: int = 8, keep: float = 0.0) -> None:
    monkeypatch.setattr(upkeep, "COMMITS", commits)
    monkeypatch.setattr(upkeep, "KEEP", timedelta(seconds=keep))
    monkeypatch.setattr(upkeep, "_MARGIN", timedelta(milliseconds=60_000 if keep else 1))


def test_a_single_add_is_one_commit_of_each_table(tmp_path) -> None:
    index = Index.create(tmp_path / "kb", encoder=ENCODER)
    index.add([Document(f"d{i}", f"text number {i}") for i in range(20)])
    for i in range(20, 25):
        before = versions(index.store)
        index.add(Document(f"d{i}", f"text number {i}"))
        after = versions(index.store)
        assert {name: after[name] - before[name] for name in after} == {
            "chunks": 1,
            "documents": 1,
            "settings": 0,
        }
    before = versions(index.store)
    index.delete(["d3"])
    assert versions(index.store)["chunks"] == before["chunks"] + 1


def test_files_and_versions_stay_few_whatever_comes_one_by_one(store, monkeypatch) -> None:
    quick(monkeypatch)
    for i in range(50):
        write(store, document(i))
        store.tidy()
    for name in ("chunks", "documents"):
        table = store._tables()[name]
        assert table.stats()["fragment_stats"]["num_fragments"] <= 8 + 2
        assert len(table.list_versions()) <= 3 * 8 and files(store, name) <= 3 * 8
    for i in range(25):  # of deletes no file comes, but a version
        store.delete([f"d{i}"])
        store.tidy()
    assert len(store._chunks.list_versions()) <= 3 * 8
    assert sorted(store.document_ids()) == sorted(f"d{i}" for i in range(25, 50))


def test_nothing_is_left_that_no_version_names(store, monkeypatch) -> None:
    quick(monkeypatch)
    for i in range(40):
        write(store, document(i))
        store.tidy()
    orphan = Path(store.uri, "chunks.lance", "data", "killed.lance")
    orphan.write_bytes(b"what a killed writer left")
    store.optimize()
    assert not orphan.exists()
    for _ in range(
        2
    ):  # what had no search index is merged with the rest when it has, and then dropped
        store.optimize()
    assert files(store) == store._chunks.stats()["fragment_stats"]["num_fragments"] == 1


def test_the_large_file_is_not_copied_for_a_few_rows(store, monkeypatch) -> None:
    quick(monkeypatch)
    write(store, *(document(i) for i in range(300)))
    store.optimize()
    for _ in range(2):  # the first call leaves the files that it merged
        store.optimize()
    [large] = Path(store.uri, "chunks.lance", "data").iterdir()
    for i in range(300, 317):
        write(store, document(i))
        store.tidy()
    assert large.exists()
    assert store._chunks.index_stats("id_idx").num_unindexed_rows <= 16
    for i in range(317, 345):  # more than a sixteenth: now they are merged
        write(store, document(i))
        store.tidy()
    assert not large.exists()


def test_many_rows_are_not_left_without_an_index(store, monkeypatch) -> None:
    monkeypatch.setattr(upkeep, "LOOSE", 50)
    write(store, *(document(i) for i in range(20)))
    store.tidy()
    assert store._chunks.index_stats("id_idx").num_unindexed_rows == 40
    write(store, *(document(i) for i in range(20, 40)))
    store.tidy()
    assert store._chunks.index_stats("id_idx").num_unindexed_rows == 0


def test_a_version_that_was_the_latest_a_moment_ago_stays(store, monkeypatch) -> None:
    """However old it is: somebody may be reading it."""
    quick(monkeypatch, keep=3600)
    write(store, *(document(i) for i in range(50)))
    store.optimize()
    view, before = store.view(), store._chunks.version
    for i in range(50, 80):
        write(store, document(i))
        store.tidy()
    assert store._chunks.version > before + 30
    assert len(view.document_chunks("d7")) == 2 and len(view) == 100


PLANS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 4), st.booleans()), min_size=1, max_size=12
)


@given(PLANS)
@settings(max_examples=12)
def test_one_by_one_is_as_all_at_once(tmp_path_factory, plan) -> None:
    """Whatever is replaced by more, as many, fewer or no chunks, tidied or not."""
    own = LanceStore.create(tmp_path_factory.mktemp("kb") / "kb", {"dense": DIM})
    memory = MemoryStore({"dense": DIM})
    for edition, (i, lines, tidy) in enumerate(plan):
        for one in (own, memory):
            write(one, document(i, lines, edition), digest=str(edition))
        if tidy:
            own.optimize()
        ids = sorted(memory.document_ids())
        assert sorted(own.document_ids()) == ids and own.known(ids) == memory.known(ids)
        for id in ids:
            assert own.view().document_chunks(id) == memory.view().document_chunks(id)
        assert len(own.view()) == len(memory.view())


def test_replacing_is_one_commit(store) -> None:
    write(store, *(document(i, 4) for i in range(20)))
    for edition, lines in enumerate((4, 6, 3, 0, 5)):
        before = store._chunks.version
        write(store, document(7, lines, edition + 1))
        assert store._chunks.version <= before + 1
        assert len(store.view().document_chunks("d7")) == lines


def test_tails_and_folds_change_no_score(store, monkeypatch) -> None:
    """Scores are exact after upkeep, whatever was moved, replaced and deleted before."""
    quick(monkeypatch, commits=4)
    for i in range(30):
        write(store, document(i, 1 + i % 3, i % 5))
        if i % 4 == 0:
            write(store, document(i // 2, 2, 7))
        if i % 9 == 0:
            store.delete([f"d{i // 3}"])
        store.tidy()
    store.optimize()
    view, analyzer = store.view(), store.analyzer
    chunks = [c for id in store.document_ids() for c in view.document_chunks(id)]
    texts = [analyzer.words(f"{c.title} {c.text}") for c in chunks]
    expected = Postings.of(texts).scores(analyzer.words("document 17 edition 3"))
    [(found, scores)] = view.lexical(["document 17 edition 3"], len(chunks), None)
    by_id = dict(zip([c.id for c in chunks], expected, strict=True))
    np.testing.assert_allclose(scores, [by_id[id] for id in found], rtol=1e-5)
    assert len(found) == np.count_nonzero(expected)


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


def test_what_came_one_by_one_is_gathered_in_order(store) -> None:
    write(store, *(document(i) for i in range(40)))
    store.optimize()
    for i in range(40, 42):
        write(store, document(i))
    ids = [c.id for i in range(42) for c in store.view().document_chunks(f"d{i}")]
    fragments = store._chunks.stats()["fragment_stats"]["num_fragments"]
    upkeep.gather("chunks", store._chunks)
    assert store._chunks.stats()["fragment_stats"]["num_fragments"] == fragments - 1
    assert ids == [c.id for i in range(42) for c in store.view().document_chunks(f"d{i}")]
    before = store._chunks.version
    upkeep.gather("chunks", store._chunks)
    assert store._chunks.version == before


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
    with pytest.raises(StoreError, match=r"disk is full.* 1 documents .* as 'd1': add or delete"):
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
