"""What is found by codes is what a scan finds, but for fewer than one of a thousand."""

from __future__ import annotations

import numpy as np
import pytest

from rag_embed.maths.nearest import exact, near, worthwhile
from rag_embed.maths.sign_codes import SignCodes
from rag_embed.maths.vectors import unit

COUNT = 20_000


def vectors(dim: int, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Rows and queries as those of a model: in few directions mostly, and about a mean that is not 0."""
    rng = np.random.default_rng(dim)
    main = rng.normal(size=(COUNT + 20, 24)) @ rng.normal(size=(24, dim))
    made = unit(main + rng.normal(size=main.shape) + shift * np.sqrt(24))
    return made[:COUNT], made[COUNT:]


@pytest.mark.parametrize("share", [0.0, 0.01, 0.19, 0.2, 0.5, 1.0])
@pytest.mark.parametrize("queries", [1, 5])
def test_a_scan_holds_the_best_whatever_a_filter_leaves(share, queries) -> None:
    rng = np.random.default_rng(0)
    rows, asked = unit(rng.normal(size=(500, 16))), unit(rng.normal(size=(queries, 16)))
    allowed = rng.permutation(500) < share * 500
    n = min(7, int(allowed.sum()))
    found = exact(rows, asked, allowed, n)
    assert len(found) == queries
    for row, (slots, scores) in zip(asked, found, strict=True):
        every = np.where(allowed, rows @ row, -np.inf)
        best = np.argsort(-every)[:n]
        assert scores.dtype == np.float32 and set(best) <= set(slots)
        assert allowed[slots].all() and len(slots) < n + 5
        np.testing.assert_allclose(scores, every[slots], atol=1e-6)


@pytest.mark.parametrize(
    ("dim", "shift"), [(384, 0.0), (384, 1.5), (300, 0.0), (256, 0.5)], ids=str
)
def test_the_nearest_hold_the_best(dim, shift) -> None:
    rows, asked = vectors(dim, shift)
    allowed = np.random.default_rng(1).random(COUNT) < 0.95
    assert worthwhile(int(allowed.sum()), 100)
    codes = SignCodes(rows[::16].mean(axis=0))
    codes.put(np.arange(COUNT), rows)
    hits = 0
    for row in asked:
        found = near(codes.distances(row, COUNT), rows, row, allowed, 100)
        assert found is not None, "left to a scan, which costs twice as much"
        slots, scores = found
        every = np.where(allowed, rows @ row, -np.inf)
        np.testing.assert_allclose(scores, every[slots], atol=1e-6)
        assert allowed[slots].all() and len(set(slots)) == len(slots) < 120
        hits += len({*np.argsort(-every)[:100]} & {*slots})
    assert hits >= 0.999 * 100 * len(asked)


def test_rows_that_codes_cannot_tell_apart_are_left_to_a_scan() -> None:
    rows = np.ones((COUNT, 64), np.float32)
    codes = SignCodes(np.zeros(64, np.float32))
    codes.put(np.arange(COUNT), rows)
    distances = codes.distances(rows[0], COUNT)
    assert not distances.any()
    assert near(distances, rows, rows[0], np.ones(COUNT, np.bool_), 10) is None


@pytest.mark.parametrize("dim", [3, 64, 100])
def test_codes_do_not_depend_on_how_rows_come(dim) -> None:
    rows, asked = vectors(dim)
    whole, parts = SignCodes(rows.mean(axis=0)), SignCodes(rows.mean(axis=0))
    whole.put(np.arange(COUNT), rows)
    order = np.random.default_rng(2).permutation(COUNT)
    for some in np.array_split(order, 7):
        parts.put(some, rows[some])
    for row in asked[:3]:
        found = whole.distances(row, COUNT)
        assert found.max() <= 2 * dim + 2 * (-dim % 64)
        np.testing.assert_array_equal(found, parts.distances(row, COUNT))
        np.testing.assert_array_equal(found[:777], whole.distances(row, 777))
