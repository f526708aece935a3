"""Recall of searches by vectors: by hand, from memory, and through an index that misses some."""

from __future__ import annotations

import numpy as np
import pytest

from rag_embed import Chunk, Document
from rag_embed.evaluation import recall
from rag_embed.maths.vectors import unit
from rag_embed.stores.lance import LanceStore
from rag_embed.stores.memory import MemoryStore
from rag_embed.types import ChunkRows

DIM = 8


def fill(store, count: int) -> None:
    rows = unit(np.random.default_rng(0).normal(size=(count, DIM)))
    documents = [Document(f"d{i}", "text") for i in range(count)]
    chunks = [Chunk.of(document, 0, 4) for document in documents]
    store.replace([(one, "h") for one in documents], ChunkRows(chunks, {"dense": rows}))


class Missing:
    """A view whose searches never find the nearest."""

    def __init__(self, view) -> None:
        self.passing, self.vectors, self._view = view.passing, view.vectors, view

    def nearest(self, space, vectors, n, where):
        found = self._view.nearest(space, vectors, n + 1, where)
        return [(ids[1:], scores[1:]) for ids, scores in found]


@pytest.mark.parametrize("n", [1, 4, 50])
def test_what_is_missed_counts(n) -> None:
    store = MemoryStore({"dense": DIM})
    assert recall(store.view(), "dense") == 1.0
    fill(store, 200)
    assert recall(store.view(), "dense", n=n) == 1.0
    assert recall(Missing(store.view()), "dense", n=n, sampled=7) == pytest.approx(1 - 1 / n)
    fill(store, 3)
    assert recall(store.view(), "dense", n=500) == 1.0


def test_an_index_on_disk_is_compared_with_all_vectors(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("rag_embed.evaluation.nearest._BLOCK", 999)
    store = LanceStore.create(tmp_path / "kb", {"dense": DIM})
    fill(store, 3000)
    store.cache_bytes, store.index_from = 0, 1000
    assert recall(store.view(), "dense", sampled=20) == 1.0
    store.optimize()
    assert "v_dense_idx" in {index.name for index in store._chunks.list_indices()}
    assert recall(store.view(), "dense", sampled=20, n=1000) >= 0.98  # of a third of all
