from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rag_embed.maths import moments
from rag_embed.maths.bm25 import Postings
from rag_embed.maths.diversity import mmr
from rag_embed.maths.moments import Moments
from rag_embed.maths.vectors import best, unit

matrices = hnp.arrays(
    np.float32,
    st.tuples(st.integers(0, 20), st.integers(1, 8)),
    elements=st.floats(-100, 100, width=32),
)


@given(matrices)
def test_unit_rows_have_length_one_whatever_comes(rows) -> None:
    scaled = unit(rows)
    assert scaled.shape == rows.shape and scaled.dtype == np.float32
    assert scaled.flags.c_contiguous
    np.testing.assert_allclose(np.linalg.norm(scaled, axis=1), 1.0, rtol=1e-5)


def test_rows_whose_squares_leave_float32_are_scaled_too() -> None:
    rows = np.array([[3.0, 4.0]], dtype=np.float32) * np.array(
        [[1e-30], [2e-22], [1e-12], [1.0], [1e13], [7e37]], dtype=np.float32
    )
    np.testing.assert_allclose(unit(rows), np.tile([[0.6, 0.8]], (6, 1)), rtol=1e-5)


@given(st.integers(0, 2**32), st.integers(1, 2000))
def test_unit_rows_stay_as_they_are_bit_for_bit(seed, dim) -> None:
    rows = unit(np.random.default_rng(seed).normal(size=(5, dim)))
    assert unit(rows).tobytes() == rows.tobytes()
    assert unit(unit(rows.astype(np.float64) * 3.0)).tobytes() == unit(rows * 3.0).tobytes()


@given(
    st.lists(st.tuples(st.text(), st.floats(-1e3, 1e3)), unique_by=lambda pair: pair[0]),
    st.integers(0, 30),
)
def test_best_is_sorting_by_rounded_score_then_id(pairs, n) -> None:
    ids = [id for id, _ in pairs]
    check_best(ids, np.array([score for _, score in pairs]), n)


@given(
    st.one_of(st.integers(0, 60), st.integers(200, 1200)),
    st.sampled_from([1e-5, 1.0, 64.0, 1e4]),
    st.integers(0, 7),
    st.integers(0, 70),
    st.integers(0, 2**31),
)
def test_best_of_float32_with_ties_and_rows_that_are_not_allowed(count, scale, digits, n, seed):
    rng = np.random.default_rng(seed)
    scores = np.round(rng.normal(size=count) * scale, digits).astype(np.float32)
    scores[rng.random(count) < 0.2] = -np.inf
    check_best([str(i) for i in rng.permutation(count)], scores, n)


def check_best(ids, scores, n) -> None:
    rounded = np.round(scores.astype(np.float64), 5)
    expected = sorted(range(len(ids)), key=lambda i: (-rounded[i], ids[i]))
    assert best(ids, scores, n).tolist() == expected[:n]


@given(matrices.filter(len), st.integers(0, 2**32 - 1))
def test_each_row_is_judged_by_the_others_and_a_few_expected_ones(rows, seed) -> None:
    """The same by brute force: the other rows' scores, and some more with the expected mean."""
    rows = unit(rows)
    query = unit(np.random.default_rng(seed).normal(size=(1, rows.shape[1])))[0]
    scores = (rows @ query).astype(np.float64)
    cosines = (rows.astype(np.float64) @ rows.T)[np.triu_indices(len(rows), 1)]
    alike = (cosines.sum() + moments.PAIRS * moments.ALIKE) / (len(cosines) + moments.PAIRS)
    spread = (1 - alike) / moments.DIRECTIONS
    expected = []
    for i, score in enumerate(scores):
        others = np.delete(scores, i)
        prior = moments.FOR_MEAN * moments.TOWARDS_QUERY * alike
        level = (others.sum() + prior) / (len(others) + moments.FOR_MEAN)
        squares = ((others - level) ** 2).sum() + moments.FOR_SPREAD * spread
        expected.append((score - level) / np.sqrt(squares / (len(others) + moments.FOR_SPREAD)))
    if spread > 1e-3:
        z = Moments.of(rows).z(query, scores.astype(np.float32))
        np.testing.assert_allclose(z, expected, atol=2e-2)
        assert (np.diff(z[np.argsort(scores)]) >= -1e-4).all()


def test_among_many_rows_nothing_but_the_rows_counts() -> None:
    rows = unit(np.random.default_rng(0).normal(size=(20_000, 16)).astype(np.float32) + 0.5)
    scores = (rows @ rows[0])[1:]
    plain = (scores - scores.mean()) / scores.std()
    np.testing.assert_allclose(Moments.of(rows).z(rows[0], scores), plain, atol=5e-3)


def test_moments_of_nothing_and_of_copies_are_finite() -> None:
    none = Moments.of(np.zeros((0, 3), np.float32))
    assert none.count == 0 and none.mean.shape == (3,)
    row, high = np.eye(1, 3, dtype=np.float32)[0], np.ones(1, np.float32)
    for count in (1, 2, 1000):
        copies = Moments.of(np.tile(row, (count, 1)))
        assert np.isfinite(copies.z(row, high)).all() and copies.z(row, 0 * high)[0] < 0
    assert Moments.of(row[None]).z(row, high)[0] > 4  # one right answer stands out by itself


@given(matrices, st.floats(0, 1))
def test_mmr_is_an_order_and_fewer_is_a_prefix(rows, diversity) -> None:
    rows = unit(rows)
    scores = -np.arange(len(rows), dtype=np.float64)
    full = mmr(scores, rows, diversity, len(rows))
    assert sorted(full) == list(range(len(rows)))
    assert mmr(scores, rows, diversity, 3) == full[:3]
    assert mmr(scores, rows, 0.0, len(rows)) == list(range(len(rows)))


def test_mmr_worked_example() -> None:
    """By hand: relevance 1, .5, 0; after the first, item 1 is a copy (cosine 1), item 2 unlike."""
    rows = np.array([[1, 0], [1, 0], [0, 1]], dtype=np.float32)
    scores = np.array([3.0, 2.0, 1.0])
    assert mmr(scores, rows, 0.25, 3) == [0, 1, 2]  # .75*.5 - .25*1 = .125 > 0
    assert mmr(scores, rows, 0.4, 3) == [0, 2, 1]  # .60*.5 - .40*1 = -.1 < 0


def test_bm25_by_hand() -> None:
    """Three texts, lengths 2, 3, 1, mean 2; idf(a) = ln(1 + 1.5/2.5), idf(c) = ln(1 + 2.5/1.5)."""
    postings = Postings.of([["a", "b"], ["a", "a", "c"], ["d"]])
    idf_a, idf_c = np.log(1.6), np.log(1 + 2.5 / 1.5)
    first = idf_a * 2.2 / (1 + 1.2)
    second = idf_a * 2 * 2.2 / (2 + 1.2 * (0.25 + 0.75 * 1.5)) + idf_c * 2.2 / (
        1 + 1.2 * (0.25 + 0.75 * 1.5)
    )
    np.testing.assert_allclose(postings.scores(["a", "c", "zz"]), [first, second, 0.0], rtol=1e-6)


@given(
    st.lists(st.lists(st.sampled_from("abcde"), max_size=6), max_size=8),
    st.lists(st.sampled_from("abcdef")),
)
def test_bm25_is_positive_exactly_where_a_word_is_shared(texts, query) -> None:
    scores = Postings.of(texts).scores(query)
    assert [score > 0 for score in scores] == [bool(set(text) & set(query)) for text in texts]
