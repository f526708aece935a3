"""LanceDB's hazards, each as a regression test (see the docstring of `rag_embed.stores.lance`)."""

from __future__ import annotations

import re
import shutil
import threading

import numpy as np
import pytest

from rag_embed import Chunk, Document
from rag_embed.errors import StoreError
from rag_embed.fields import Fields
from rag_embed.filters import field
from rag_embed.maths.vectors import unit
from rag_embed.stores import key_values, lance, writing
from rag_embed.stores.lance import LanceStore
from rag_embed.stores.schema import SETTINGS_SCHEMA
from rag_embed.stores.upkeep import optimized
from rag_embed.types import ChunkRows

DIM = 32


def fill(store: LanceStore, n: int, start: int = 0) -> np.ndarray:
    random = np.random.default_rng(start)
    centres = np.random.default_rng(99).normal(size=(50, DIM))
    rows = unit(centres[random.integers(50, size=n)] + 0.5 * random.normal(size=(n, DIM)))
    documents = [
        Document(f"d{i}", f"text number {i}", metadata={"part": i % 100})
        for i in range(start, start + n)
    ]
    chunks = [Chunk.of(document, 0, len(document.text)) for document in documents]
    store.replace([(one, "h") for one in documents], ChunkRows(chunks, {"dense": rows}))
    return rows


@pytest.fixture
def store(tmp_path) -> LanceStore:
    fields = Fields.of({"part": int})
    return LanceStore.create(tmp_path / "kb", {"dense": DIM}, fields=fields)


def test_a_filter_on_an_approximate_index_loses_nothing(store) -> None:
    """With default probes the research run kept .307 of the true neighbours at 1 % selectivity."""
    store.cache_bytes, store.index_from = 0, 1000
    rows = fill(store, 5000)
    store.optimize()
    assert "v_dense_idx" in {index.name for index in store._chunks.list_indices()}
    view = store.view()
    queries = rows[::250] + 0.1
    for where, members in (
        (field("part") == 3, np.arange(3, 5000, 100)),  # 1 %: exact
        (field("part") < 30, np.flatnonzero(np.arange(5000) % 100 < 30)),  # 30 %: all partitions
        (field("doc_id").is_in([f"d{i}" for i in range(0, 5000, 500)]), np.arange(0, 5000, 500)),
    ):
        kept = []
        for query, (got, _) in zip(queries, view.nearest("dense", queries, 10, where), strict=True):
            order = members[np.argsort(-(rows[members] @ query))[:10]]
            assert len(got) == 10
            kept.append(len({f"d{i}" for i in order} & {id.partition("#")[0] for id in got}) / 10)
        assert np.mean(kept) >= (1.0 if len(members) < 250 else 0.95)


def test_upkeep_leaves_the_parts_of_the_vector_index(store) -> None:
    """LanceDB joined parts that are small for it, and then every search read every vector."""
    store.cache_bytes, store.index_from = 0, 1000
    rows = fill(store, 5000)
    for number in range(3):
        store.optimize()
        search = store._chunks.search(rows[0], vector_column_name="v_dense").distance_type("dot")
        plan = search.limit(3).minimum_nprobes(1).maximum_nprobes(1).analyze_plan()
        [(compared, thousands)] = re.findall(r"ANNSubIndex.*?index_comparisons=([\d.]+)( K)?", plan)
        assert 0 < float(compared) < 500 and not thousands, (number, compared, thousands)
        fill(store, 300, start=5000 + 300 * number)


def test_scores_from_the_index_are_true_cosines(store) -> None:
    store.cache_bytes, store.index_from = 0, 1000
    rows = fill(store, 3000)
    store.optimize()
    query = unit(np.random.default_rng(1).normal(size=(1, DIM)))
    [(ids, scores)] = store.view().nearest("dense", query, 5, None)
    expected = [float(rows[int(id[1:].partition("#")[0])] @ query[0]) for id in ids]
    np.testing.assert_allclose(scores, expected, atol=1e-5)


def test_rows_after_the_index_was_built_are_found(store) -> None:
    store.cache_bytes, store.index_from = 0, 1000
    fill(store, 2000)
    store.optimize()
    rows = fill(store, 10, start=2000)
    for i, row in enumerate(rows):
        assert (
            store.view().nearest("dense", row[None], 1, None)[0][0][0].startswith(f"d{2000 + i}#")
        )


def test_concurrent_writers_of_the_same_documents_leave_one_copy(store) -> None:
    """Without a declared primary key LanceDB keeps one row per writer, and reports success."""
    stores = [LanceStore.open(store.uri) for _ in range(4)]
    errors: list[Exception] = []

    def write(one: LanceStore) -> None:
        try:
            for start in range(0, 50, 10):
                fill(one, 10, start=start)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(one,)) for one in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    ids = store._chunks.to_arrow()["id"].to_pylist()
    assert len(ids) == 50 == len(set(ids))
    assert store._documents.count_rows() == 50


def test_settings_without_a_lock_are_revised_whatever_they_say(store) -> None:
    """What is compared before it is replaced goes to LanceDB as text."""
    table = store._database.create_table("others", schema=SETTINGS_SCHEMA)
    for name in ("''", "it's", "a\\'b", "\\") * 2:
        key_values.revise(table, lambda was, name=name: {name: was.get(name, 0) + 1}, alone=False)
    assert set(key_values.read_all(table).values()) == {2}


def test_a_handle_opened_before_others_wrote_still_writes_and_deletes(store) -> None:
    """A stale LanceDB handle deletes nothing and reports success."""
    early = LanceStore.open(store.uri)
    fill(store, 20)
    assert early.delete(["d3", "d4"]) == 2
    fill(early, 1, start=5)
    assert sorted(store.document_ids()) == sorted(f"d{i}" for i in range(20) if i not in (3, 4))
    assert len(store.view()) == 18


def test_large_writes_are_cut_into_batches(store, monkeypatch) -> None:
    """One batch of 100,000 rows scans 2.3 times slower than the same rows in small ones."""
    monkeypatch.setattr(writing, "BATCH", 100)
    seen = []
    original = lance.chunk_table

    def watched(*arguments):
        table = original(*arguments)
        seen.append(table)
        return table

    monkeypatch.setattr(lance, "chunk_table", watched)
    fill(store, 950)
    assert len(store.view()) == 950 and len(seen[0].to_batches(writing.BATCH)) == 10


def test_lexical_scores_with_a_filter_are_the_unfiltered_ones(store) -> None:
    """The second look-up of the fusion relies on it: a filter does not change statistics."""
    fill(store, 300)
    store.optimize()
    view = store.view()
    [(ids, scores)] = view.lexical(["number 17 18 text"], 300, None)
    known = dict(zip(ids, scores.tolist(), strict=True))
    among = ["d17#0-14", "d18#0-14", "d200#0-15"]
    [(some, again)] = view.lexical(["number 17 18 text"], 3, field("id").is_in(among))
    assert sorted(some) == sorted(among)
    np.testing.assert_allclose([known[id] for id in some], again, rtol=1e-6)


def test_a_newer_format_is_refused(store) -> None:
    stored = store.settings()["store"]
    store.configure({"store": {**stored, "format": 99}})
    with pytest.raises(StoreError, match="format 99"):
        LanceStore.open(store.uri)


class Contested:
    """A table that another process brings up to date at the same time, so many times."""

    def __init__(self, table, lost: int, said: str = "Retryable commit conflict for version 3"):
        self.table, self.lost, self.said = table, lost, said

    def optimize(self, **options) -> None:
        if self.lost:
            self.lost -= 1
            raise RuntimeError(self.said)
        self.table.optimize(**options)


def test_who_loses_a_commit_brings_the_rest_up_to_date(store) -> None:
    """On an object store there is no lock: the winner may have looked before the last rows came."""
    fill(store, 300)
    loose = store._chunks.index_stats("id_idx").num_unindexed_rows
    optimized(Contested(store._chunks, lost=2), False)
    assert loose == 300
    assert store._chunks.index_stats("id_idx").num_unindexed_rows == 0
    optimized(Contested(store._chunks, lost=99), False)  # the next call will do it
    with pytest.raises(RuntimeError, match="no space left"):
        optimized(Contested(store._chunks, lost=1, said="no space left"), False)


def test_settings_of_an_index_that_is_made_anew_in_the_place_are_read(tmp_path) -> None:
    """Though they have as many versions."""
    store = LanceStore.create(tmp_path / "kb", {"dense": 2}, settings={"said": "before"})
    assert store.settings()["said"] == "before"
    shutil.rmtree(tmp_path / "kb")
    LanceStore.create(tmp_path / "kb", {"dense": 2}, settings={"said": "after"})
    assert store.settings()["said"] == "after"
