"""The paper's rule on a worked example, and what must hold for any pilots."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import approx_fprime, minimize

from rag_embed.errors import BadInput
from rag_embed.maths.routing import centroids, expert_scores, nearest, wins
from rag_embed.maths.weighing import listwise, mixed, sharpness

UTILITIES = np.array(
    [  # experts: A, B, C
        [0.9, 0.1, 0.0],  # set 1: A
        [0.8, 0.3, 0.3],  # A
        [0.2, 0.7, 0.1],  # B
        [1.0, 1.0, 0.0],  # A and B
        [0.1, 0.2, 0.9],  # set 2: C
        [0.6, 0.1, 0.1],  # A
        [0.0, 0.0, 0.0],  # everybody
    ]
)
VECTORS = np.array(
    [[1.0, 0.0], [0.8, 0.6], [0.0, 1.0], [0.6, 0.8], [-1.0, 0.0], [0.0, -1.0], [0.6, -0.8]]
)
SOURCES = np.array([1, 1, 1, 1, 2, 2, 2])


def test_worked_example_of_the_paper() -> None:
    """Algorithm 1 by hand: set 1 gives A (1.8, .6)/2 and B (0, 1); set 2 gives A (0, -1), C (-1, 0)."""
    library, experts = centroids(VECTORS, wins(UTILITIES, "drop"), SOURCES)
    np.testing.assert_allclose(library, [[0.9, 0.3], [0.0, 1.0], [0.0, -1.0], [-1.0, 0.0]])
    assert experts.tolist() == [0, 1, 0, 2]
    query = np.array([0.6, 0.8])
    # A: mean of .6*.9+.8*.3 = .78 and -.8; B: .8; C: -.6.
    dot = expert_scores(query, library, experts, 3, similarity="dot")
    np.testing.assert_allclose(dot, [-0.01, 0.8, -0.6])
    norm = np.hypot(0.9, 0.3)
    cosine = expert_scores(query, library, experts, 3)
    np.testing.assert_allclose(cosine, [(0.78 / norm - 0.8) / 2, 0.8, -0.6])


def test_the_authors_code_takes_the_nearest_centroid() -> None:
    library, experts = centroids(VECTORS, wins(UTILITIES, "drop"), SOURCES)
    query = np.array([0.8, 0.6])
    scores = expert_scores(query, library, experts, 3, aggregation="max")
    assert scores.argmax() == 0
    np.testing.assert_allclose(scores, [0.9 / np.hypot(0.9, 0.3), 0.6, -0.8])
    assert expert_scores(query, library, experts, 3).argmax() == 1  # the mean chooses another one


@pytest.mark.parametrize(
    ("ties", "rows"),
    [
        ("drop", [[0, 0, 0], [0, 0, 0]]),
        ("first", [[1, 0, 0], [1, 0, 0]]),
        ("split", [[1 / 2, 1 / 2, 0], [1 / 3, 1 / 3, 1 / 3]]),
    ],
)
def test_ties(ties, rows) -> None:
    won = wins(UTILITIES, ties)
    np.testing.assert_allclose(won[[3, 6]], rows)
    np.testing.assert_array_equal(won[[0, 2, 4]], np.eye(3))


def test_the_mean_rule_is_one_prototype_per_expert() -> None:
    """mean_i(v.c_i) = v.mean_i(c_i): T centroids could be one, as the research note derives."""
    rng = np.random.default_rng(0)
    vectors, sources = rng.normal(size=(200, 6)), rng.integers(0, 4, 200)
    library, experts = centroids(vectors, wins(rng.random((200, 3))), sources)
    prototypes = np.array([library[experts == m].mean(axis=0) for m in range(3)])
    for query in rng.normal(size=(5, 6)):
        scores = expert_scores(query, library, experts, 3, similarity="dot")
        np.testing.assert_allclose(scores, prototypes @ query)


def test_an_expert_that_never_won_is_never_chosen() -> None:
    library, experts = centroids(VECTORS[:2], wins(UTILITIES[:2]), SOURCES[:2])
    scores = expert_scores(np.array([-1.0, 0.0]), library, experts, 3)
    assert scores[0] < 0 and np.isneginf(scores[1:]).all()


def test_bad_input() -> None:
    with pytest.raises(BadInput, match="ties"):
        wins(UTILITIES, "none")
    with pytest.raises(BadInput, match="pilot by expert"):
        wins(np.empty((3, 0)))
    with pytest.raises(BadInput, match="aggregation"):
        expert_scores(np.ones(2), VECTORS, SOURCES, 3, aggregation="median")
    with pytest.raises(BadInput, match="relevant"):
        listwise(np.ones((2, 2)), np.zeros(2), np.ones(2))


def loss(weights, scores, relevant) -> float:
    logits = scores @ weights
    share = relevant / relevant.sum()
    return float(np.log(np.exp(logits - logits.max()).sum()) + logits.max() - share @ logits)


@given(st.integers(0, 10_000), st.integers(2, 12), st.integers(1, 4))
def test_slope_and_curvature_are_those_of_the_loss(seed, n, p) -> None:
    rng = np.random.default_rng(seed)
    scores, weights = rng.normal(size=(n, p)), rng.normal(size=p)
    relevant = rng.integers(0, 3, n).astype(float)
    relevant[rng.integers(n)] = 1.0
    slope, curvature = listwise(scores, relevant, weights)
    numeric = approx_fprime(weights, loss, 1e-7, scores, relevant)
    np.testing.assert_allclose(slope, numeric, atol=1e-4)
    for i in range(p):
        other = weights.copy()
        other[i] += 1e-5
        moved = (listwise(scores, relevant, other)[0] - slope) / 1e-5
        np.testing.assert_allclose(curvature[i], moved, atol=1e-3)
    assert np.linalg.eigvalsh(curvature).min() > -1e-9


@given(st.integers(0, 10_000), st.integers(1, 6), st.floats(0.01, 10))
def test_mixed_is_the_minimum_of_the_quadratic(seed, k, ridge) -> None:
    rng = np.random.default_rng(seed)
    default, shares, slopes = rng.normal(size=3), rng.random(k), rng.normal(size=(k, 3))
    roots = rng.normal(size=(k, 3, 3))
    curves = roots @ roots.transpose(0, 2, 1)

    def objective(w):
        d = w - default
        own = sum(
            s * (g @ d + d @ h @ d / 2) for s, g, h in zip(shares, slopes, curves, strict=True)
        )
        return own + ridge / 2 * d @ d

    found = mixed(default, shares, slopes, curves, ridge)
    best = minimize(objective, default, method="BFGS", options={"gtol": 1e-8})
    assert objective(found) <= best.fun + 1e-7
    np.testing.assert_array_equal(mixed(default, 0 * shares, slopes, curves, ridge), default)


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=30), st.integers(1, 40))
def test_nearest_is_a_stable_sort(values, n) -> None:
    rounded = np.round(np.array(values), 6)
    expected = sorted(range(len(values)), key=lambda i: (-rounded[i], i))[:n]
    assert nearest(np.array(values), n).tolist() == expected


@given(st.integers(0, 1000), st.floats(0.01, 100.0))
def test_sharpness_makes_up_for_any_factor(seed, factor) -> None:
    rng = np.random.default_rng(seed)
    scores = list(rng.normal(size=(9, 12)))
    grades = list((rng.random((9, 12)) < 0.2).astype(float))
    grades[0][0] = 1.0
    found = sharpness(scores, grades)
    assert sharpness([factor * one for one in scores], grades) * factor == pytest.approx(
        found, 1e-5
    )


def test_sharpness_is_where_the_smoothed_loss_is_least() -> None:
    rng = np.random.default_rng(3)
    grades = [np.eye(12)[one] for one in rng.integers(0, 12, 40)]
    scores = [rng.normal(size=12) + 1.5 * one for one in grades]

    def loss(factor: float) -> float:
        logits = [factor * one - np.logaddexp.reduce(factor * one) for one in scores]
        shares = [(41 * one + 1 / 12) / 42 for one in grades]
        return -sum(float(p @ x) for p, x in zip(shares, logits, strict=True))

    best = minimize(lambda x: loss(x[0]), [1.0]).x[0]
    assert sharpness(scores, grades) == pytest.approx(best, rel=1e-3)
