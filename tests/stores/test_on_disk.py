"""Chunks that are too many for memory: what a search reads of them, and what a write costs the next one."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from lancedb.query import LanceVectorQueryBuilder
from lancedb.table import LanceTable

from rag_embed.fields import Fields
from rag_embed.filters import field
from rag_embed.maths.vectors import unit
from rag_embed.stores import LanceStore, upkeep
from rag_embed.stores.lexical import size_of_words
from rag_embed.stores.upkeep import mostly_left
from rag_embed.types import Chunk, ChunkRows, Document, Principal

DIM, COUNT = 16, 3000


def fill(store: LanceStore, n: int, start: int = 0, user: str | None = None) -> None:
    rows = unit(np.random.default_rng(start).normal(size=(n, DIM)).astype(np.float32))
    numbers = range(start, start + n)
    documents = [
        Document(f"d{i}", f"text number {i}", metadata={"part": i % 100}, user=user)
        for i in numbers
    ]
    chunks = [Chunk.of(document, 0, len(document.text)) for document in documents]
    store.replace([(one, "h") for one in documents], ChunkRows(chunks, {"dense": rows}))


@pytest.fixture
def store(tmp_path) -> LanceStore:
    made = LanceStore.create(tmp_path / "kb", {"dense": DIM}, fields=Fields.of({"part": int}))
    made.cache_bytes, made.index_from = 0, 1000
    fill(made, COUNT)
    made.optimize()
    return made


def refused(*_: object, **__: object) -> None:
    raise AssertionError("slow where chunks are many")


def test_no_sample_is_read_by_offsets(store, monkeypatch) -> None:
    """Of a table with deleted rows LanceDB counts them anew for each offset: 15 s for 100,000 chunks."""
    whole = size_of_words(store._chunks)
    store.delete([f"d{i}" for i in range(0, COUNT, 2)])
    monkeypatch.setattr(LanceTable, "take_offsets", refused)
    assert store.view().moments("dense").count == COUNT // 2
    assert size_of_words(store._chunks) == pytest.approx(whole / 2, rel=0.05)


def test_a_narrow_filter_is_searched_by_the_index(store, monkeypatch) -> None:
    """Without it every vector was read, and one row more than all that pass was counted before."""
    monkeypatch.setattr(LanceVectorQueryBuilder, "bypass_vector_index", refused)
    query = unit(np.ones((1, DIM), dtype=np.float32))
    [(found, _)] = store.view().nearest("dense", query, 100, field("part") == 3)
    assert {id.partition("#")[0] for id in found} == {f"d{i}" for i in range(3, COUNT, 100)}


def test_what_was_found_is_read_by_its_row_number(store, monkeypatch) -> None:
    view = store.view()
    query = unit(np.ones((1, DIM), dtype=np.float32))
    [(near, scores)], [(said, _)] = (
        view.nearest("dense", query, 5, None),
        view.lexical(["number 7"], 5, None),
    )
    monkeypatch.setattr(LanceTable, "search", refused)
    np.testing.assert_allclose(view.vectors("dense", near) @ query[0], scores, atol=1e-5)
    assert [chunk.id for chunk in view.chunks([*said, *near])] == [*said, *near]


def test_few_changes_leave_the_moments_as_they_are(store) -> None:
    before = store.view().moments("dense")
    fill(store, 5, start=COUNT)
    store.delete(["d0"])
    assert store.view().moments("dense") is before
    fill(store, 100, start=COUNT + 5)
    assert store.view().moments("dense").count == COUNT + 104


def test_whose_rows_came_says_nothing_of_when_moments_are_taken(store) -> None:
    """Shared ones are those of now as soon as any chunk is not for everybody."""
    fill(store, 1, start=COUNT, user="ann")
    store.view().moments("dense")
    fill(store, 2, start=COUNT + 1)
    assert store.view().moments("dense").count == COUNT + 2
    assert store.view().moments("dense", Principal("ann")).count == COUNT + 3


def test_narrow_columns_of_all_rows_come_in_few_batches(store) -> None:
    """A batch costs as much as some thousand ids, and by itself has 1,024 rows."""
    snapshot = store.view().snapshot
    assert snapshot.scan(["id"])["id"].num_chunks == 1
    assert len(snapshot.passing(None)) == len(list(store.document_ids())) == COUNT


def test_what_a_build_left_goes_with_the_next_write_after_a_pause(store, monkeypatch) -> None:
    """Copies of all rows stayed until the 64th commit: three times the disk of 300,000 chunks."""
    table = Path(store.uri) / "chunks.lance"
    assert not mostly_left(table)
    for _ in range(3):
        store._chunks.update(
            values_sql={"ordinal": "ordinal"}
        )  # what upkeep does to many small files
    monkeypatch.setattr(upkeep, "_LITTLE", 0)
    before = sum(file.stat().st_size for file in (table / "data").iterdir())
    fill(store, 1, start=COUNT)
    store.tidy()
    assert not mostly_left(table)  # a moment ago they may have been read
    monkeypatch.setattr(upkeep, "KEEP", timedelta(0))
    monkeypatch.setattr(upkeep, "_MARGIN", timedelta(0))
    fill(store, 1, start=COUNT + 1)
    assert mostly_left(table)
    store.tidy()
    assert sum(file.stat().st_size for file in (table / "data").iterdir()) < before / 2
