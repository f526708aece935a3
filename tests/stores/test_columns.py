"""Scores of slots in memory."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from rag_embed.maths.vectors import unit
from rag_embed.stores.columns import Matrix


@pytest.mark.parametrize("share", [0.0, 0.01, 0.19, 0.2, 0.5, 1.0])
def test_scores_are_those_of_a_product_whatever_a_filter_leaves(share) -> None:
    rng = np.random.default_rng(0)
    rows, queries = unit(rng.normal(size=(500, 16))), unit(rng.normal(size=(3, 16)))
    matrix = Matrix("dense", 16)
    flat = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), 16)
    matrix.put(np.arange(500), pa.table({"v_dense": flat}))
    allowed = rng.permutation(500) < share * 500
    found = matrix.scores(queries, allowed)
    assert found.dtype == np.float32 and found.shape == (3, 500)
    assert (found[:, ~allowed] == -np.inf).all()
    np.testing.assert_allclose(found[:, allowed], (queries @ rows.T)[:, allowed], atol=1e-6)
