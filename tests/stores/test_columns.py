"""The nearest slots in memory."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from rag_embed.maths.vectors import unit
from rag_embed.stores.columns import Matrix

DIM, COUNT = 192, 20_000
"""So many rows that they are found by codes."""


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    rng = np.random.default_rng(0)
    main = rng.normal(size=(3 * COUNT, 16)) @ rng.normal(size=(16, DIM))
    return unit(main + rng.normal(size=main.shape))


def put(matrix: Matrix, slots: np.ndarray, rows: np.ndarray) -> None:
    flat = pa.FixedSizeListArray.from_arrays(pa.array(rows[slots].ravel()), DIM)
    matrix.put(slots, pa.table({"v_dense": flat}))


def recall(matrix: Matrix, rows: np.ndarray, allowed: np.ndarray) -> float:
    asked = unit(rows[:20] + 0.05)
    hits = 0
    for row, (slots, scores) in zip(asked, matrix.nearest(asked, allowed, 100), strict=True):
        every = np.where(allowed, rows[: len(allowed)] @ row, -np.inf)
        np.testing.assert_allclose(scores, every[slots], atol=1e-6)
        hits += len({*np.argsort(-every)[:100]} & {*slots})
    return hits / (100 * len(asked))


def test_many_rows_are_found_by_codes_that_follow_what_is_added(rows) -> None:
    matrix = Matrix("dense", DIM)
    put(matrix, np.arange(COUNT), rows)
    allowed = np.ones(COUNT, np.bool_)
    assert recall(matrix, rows, allowed) >= 0.999 and matrix._codes is not None
    few, rest = np.arange(COUNT, COUNT + 50), np.arange(COUNT + 50, 3 * COUNT)
    put(matrix, few, rows)
    [(slots, scores)] = matrix.nearest(rows[few[:1]], np.ones(COUNT + 50, np.bool_), 10)
    assert slots[scores.argmax()] == few[0]
    put(matrix, rest, rows)
    assert recall(matrix, rows, np.ones(3 * COUNT, np.bool_)) >= 0.999
    assert recall(matrix, rows, allowed) >= 0.999  # an earlier version


def test_a_batch_finds_what_single_queries_find(rows) -> None:
    matrix = Matrix("dense", DIM)
    put(matrix, np.arange(COUNT), rows)
    allowed = np.arange(COUNT) % 7 > 0
    together = matrix.nearest(rows[:5], allowed, 100)
    for row, (slots, scores) in zip(rows[:5], together, strict=True):
        [(alone, same)] = matrix.nearest(row[None], allowed, 100)
        np.testing.assert_array_equal(slots, alone)
        np.testing.assert_array_equal(scores, same)


def test_the_best_of_more_rows_than_codes_pay_for_are_exact(rows) -> None:
    matrix = Matrix("dense", DIM)
    put(matrix, np.arange(COUNT), rows)
    allowed = np.ones(COUNT, np.bool_)
    [(slots, _)] = matrix.nearest(rows[:1], allowed, 2000)
    assert {*np.argsort(-(rows[:COUNT] @ rows[0]))[:2000]} <= {*slots}
