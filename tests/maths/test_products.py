"""Products in blocks are the products."""

from __future__ import annotations

import numpy as np
import pytest

from rag_embed.maths import products
from rag_embed.maths.products import dots, dots_at

BLOCK = products.ALONE // 64


@pytest.mark.parametrize("count", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dots_are_the_product(count, dtype) -> None:
    rng = np.random.default_rng(count)
    rows, vector = rng.normal(size=(count, 64)).astype(dtype), rng.normal(size=64).astype(dtype)
    found = dots(rows, vector)
    assert found.dtype == dtype and found.shape == (count,)
    np.testing.assert_allclose(found, rows.astype(np.float64) @ vector, atol=1e-4)


@pytest.mark.parametrize("count", [0, 1, BLOCK, 2 * BLOCK + 5])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dots_of_some_rows_are_those_of_their_copies(count, dtype) -> None:
    rng = np.random.default_rng(count)
    rows = rng.normal(size=(3 * BLOCK, 64)).astype(dtype)
    slots, vector = rng.permutation(len(rows))[:count], rng.normal(size=64).astype(dtype)
    found = dots_at(rows, slots, vector)
    assert found.dtype == dtype and found.shape == (count,)
    np.testing.assert_array_equal(found, dots(rows[slots], vector))


def test_a_vector_longer_than_a_block_is_multiplied_row_by_row(monkeypatch) -> None:
    monkeypatch.setattr(products, "ALONE", 4)
    rows = np.arange(24, dtype=np.float32).reshape(3, 8)
    assert dots(rows, np.ones(8, np.float32)).tolist() == rows.sum(axis=1).tolist()


def test_no_product_is_large_enough_to_wake_a_thread(monkeypatch) -> None:
    sizes: list[int] = []

    class Watched:
        empty = staticmethod(np.empty)

        @staticmethod
        def matmul(rows, vector, out):
            sizes.append(rows.shape[-2] * rows.shape[-1])
            return np.matmul(rows, vector, out=out)

    monkeypatch.setattr(products, "np", Watched)
    dots(np.ones((5000, 384), np.float32), np.ones(384, np.float32))
    assert max(sizes) <= products.ALONE
