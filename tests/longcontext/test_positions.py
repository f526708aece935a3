"""Maps of positions against numbers worked out by hand and by the paper."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_embed.errors import BadInput
from rag_embed.maths import positions

MAPS = ("recurrent", "grouped", "interpolated")


def test_golden_maps():
    assert positions.mapped(9, 4, "recurrent").tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 0]
    assert positions.mapped(9, 4, "grouped").tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    thirds = [0, 1 / 3, 2 / 3, 1, 4 / 3, 5 / 3, 2, 7 / 3, 8 / 3]
    np.testing.assert_allclose(positions.mapped(9, 4, "interpolated"), thirds)


def test_golden_table():
    """LongEmbed: rows of the old table at every s-th place, the rest on the line between them."""
    old = np.array([[0.0, 10.0], [2.0, 20.0], [6.0, 0.0]])
    new = positions.table(old, positions.mapped(6, 3, "interpolated"))
    expected = [[0, 10], [1, 15], [2, 20], [4, 10], [6, 0], [6, 0]]
    np.testing.assert_allclose(new, expected)
    assert new.dtype == np.float32 and new.flags.c_contiguous


@given(st.integers(0, 400), st.integers(2, 60), st.sampled_from(MAPS))
def test_maps_stay_in_the_trained_range(tokens, trained, how):
    found = positions.mapped(tokens, trained, how)
    assert found.shape == (tokens,) and found.dtype == np.float64
    assert (found >= 0).all() and (found < trained).all()
    if tokens <= trained:
        np.testing.assert_array_equal(found, np.arange(tokens))
    elif how != "recurrent":
        assert (np.diff(found) >= 0).all()


def test_ntk_is_that_of_the_paper():
    thetas = [10_000 * positions.ntk(scale) for scale in (1, 2, 4, 8)]
    np.testing.assert_allclose(thetas, [10_000, 30_000, 50_000, 100_000])
    between = [positions.ntk(scale) for scale in np.linspace(1, 20, 60)]
    assert (np.diff(between) > 0).all()


def test_frequencies_against_the_definition():
    found = positions.inverse_frequencies(30_000.0, 8)
    np.testing.assert_allclose(found, [1 / 30_000 ** (2 * j / 8) for j in range(4)])


def test_golden_self_extend():
    """The example of the paper, for the first token; mirrored for the last."""
    found = positions.self_extend(10, 2, 4)
    assert (-found[0]).tolist() == [0, 1, 2, 3, 4, 4, 5, 5, 6, 6]
    np.testing.assert_array_equal(found[9], -found[:, 9])


@given(st.integers(1, 80), st.integers(1, 9), st.integers(1, 30))
def test_self_extend_is_exact_near_by_and_antisymmetric(tokens, group, window):
    found = positions.self_extend(tokens, group, window)
    np.testing.assert_array_equal(found, -found.T)
    exact = np.subtract.outer(np.arange(tokens), np.arange(tokens))
    near = np.abs(exact) < window
    np.testing.assert_array_equal(found[near], exact[near])


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_the_largest_relative_position_is_the_trained_length(scale):
    group, window = positions.group_and_window(scale, 64)
    assert np.abs(positions.self_extend(64 * scale, group, window)).max() <= 64


def test_log_n():
    found = [round(positions.log_n(n, 512), 3) for n in (1, 512, 1024, 2048, 4096)]
    assert found == [1, 1, 1.111, 1.222, 1.333]


@given(st.integers(0, 300), st.integers(1, 50), st.data())
def test_windows_cover_the_text(tokens, size, data):
    overlap = data.draw(st.integers(0, size - 1))
    found = positions.spans(tokens, size, overlap)
    assert set().union(*(range(*span) for span in found)) == set(range(tokens))
    assert all(last - first == min(size, tokens) for first, last in found)
    assert found == sorted(set(found))


@pytest.mark.parametrize("size, overlap", [(0, 0), (4, 4), (4, -1)])
def test_impossible_windows(size, overlap):
    with pytest.raises(BadInput, match="size >= 1"):
        positions.spans(10, size, overlap)
