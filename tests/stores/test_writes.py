"""What is written one by one stays in few files, and is as if it were written at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stores.written_rows import ENCODER, document, quick, versions

from rag_embed import Document, Index
from rag_embed.maths.bm25 import Postings
from rag_embed.stores import MemoryStore, upkeep
from rag_embed.stores.lance import LanceStore
from rag_embed.testing.store_data import DIM, write


@pytest.fixture
def store(tmp_path: Path) -> LanceStore:
    return LanceStore.create(tmp_path / "kb", {"dense": DIM})


def files(store: LanceStore, table: str = "chunks") -> int:
    """Data files on the disk, those of older versions included."""
    return len(list(Path(store.uri, f"{table}.lance", "data").iterdir()))


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
