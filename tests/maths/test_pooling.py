"""Windows cover everything with as few as possible; the most central one is the nearest to the middle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_embed.errors import BadInput
from rag_embed.maths.pooling import group_means, most_central, touching, windows


@st.composite
def sizes(draw):
    size = draw(st.integers(1, 40))
    return draw(st.integers(0, 300)), size, draw(st.integers(0, size - 1))


@given(sizes())
def test_windows_cover_all_with_the_overlap_asked_for(numbers) -> None:
    n, size, overlap = numbers
    found = windows(n, size, overlap)
    assert found[0, 0] == 0 and found[-1, 1] == n
    assert ((found[:, 1] - found[:, 0]) <= size).all()
    assert (found[:-1, 1] - found[1:, 0] >= overlap).all()
    assert (np.diff(found[:, 0]) >= 0).all()
    one_less = len(found) - 1
    assert one_less == 0 or size + (one_less - 1) * (size - overlap) < n


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 9)), min_size=1, max_size=6),
    st.lists(st.tuples(st.integers(0, 30), st.integers(1, 15)), min_size=1, max_size=6),
)
def test_the_most_central_window_against_a_plain_loop(ranges, among) -> None:
    parts = np.array([(a, a + n) for a, n in ranges])
    wide = np.array([(a, a + n) for a, n in among])
    for (start, end), got in zip(parts.tolist(), most_central(parts, wide).tolist(), strict=True):
        whole = [i for i, (a, b) in enumerate(wide.tolist()) if a <= start and end <= b]
        apart = {i: abs(start + end - wide[i].sum()) for i in whole}
        assert got == (min(apart, key=lambda i: (apart[i], i)) if apart else -1)


@given(st.lists(st.integers(0, 5), max_size=8), st.integers(0, 2**16))
def test_group_means_are_those_of_the_groups(counts, seed) -> None:
    rows = np.random.default_rng(seed).normal(size=(sum(counts), 3))
    groups = np.split(rows, np.cumsum(counts)[:-1]) if counts else []
    expected = [g.mean(axis=0) if len(g) else np.zeros(3) for g in groups]
    got = group_means(rows, counts)
    assert got.dtype == np.float32 and got.flags.c_contiguous and got.shape == (len(counts), 3)
    np.testing.assert_allclose(got, np.array(expected).reshape(-1, 3), atol=1e-6)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 4)), max_size=12),
    st.integers(0, 60),
    st.integers(0, 20),
)
def test_touching_tokens_are_those_with_a_character_inside(steps, start, width) -> None:
    spans, at = [], 0
    for gap, length in steps:
        spans.append((at + gap, at + gap + length))
        at = spans[-1][1]
    array = np.array(spans, dtype=np.int64).reshape(-1, 2)
    end = start + width
    [[first, after]] = touching(np.array([start]), np.array([end]), array).tolist()
    inside = [i for i, (a, b) in enumerate(spans) if a < end and b > start]
    assert list(range(first, after)) == (inside if width else [])


@pytest.mark.parametrize("numbers", [(-1, 5, 0), (5, 0, 0), (5, 4, 4), (5, 4, -1)])
def test_impossible_windows_are_refused(numbers) -> None:
    with pytest.raises(BadInput, match="0 <= overlap < size"):
        windows(*numbers)
