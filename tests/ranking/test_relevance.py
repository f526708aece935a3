from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from rag_embed.errors import BadInput
from rag_embed.ranking.relevance import RIDGE, Calibration, fitted


def test_fit_is_the_maximum_of_the_smoothed_likelihood() -> None:
    """Against scipy's general optimiser on the same objective."""
    rng = np.random.default_rng(0)
    scores, cosines = rng.normal(size=(2, 400))
    labels = rng.random(400) < 1 / (1 + np.exp(-(3 * scores + 2 * cosines - 1)))
    positives, negatives = labels.sum(), (~labels).sum()
    target = np.where(labels, (positives + 1) / (positives + 2), 1 / (negatives + 2))

    def loss(theta):
        logit = theta[0] * scores + theta[1] * cosines + theta[2]
        ridge = RIDGE / 2 * (theta[0] ** 2 + theta[1] ** 2)
        return np.sum(np.logaddexp(0, logit) - target * logit) + ridge

    expected = minimize(loss, [0.0, 0.0, 0.0], method="BFGS").x
    got = fitted(scores.tolist(), cosines.tolist(), labels.tolist())
    np.testing.assert_allclose([got.score, got.cosine, got.intercept], expected, rtol=1e-3)


@given(st.lists(st.floats(-2, 2), min_size=1, max_size=20), st.floats(0.1, 50), st.floats(-20, 20))
def test_relevance_is_a_probability_in_the_order_of_scores(scores, slope, intercept) -> None:
    calibration = Calibration(slope, 3.0, intercept)
    values = [calibration.relevance(score, 0.2) for score in sorted(scores)]
    assert all(0.0 <= value <= 1.0 for value in values) and values == sorted(values)


def test_separable_and_senseless_labels() -> None:
    none = [0.0] * 4
    separable = fitted([0.0, 0.1, 0.9, 1.0], none, [False, False, True, True])
    assert np.isfinite([separable.score, separable.intercept]).all() and separable.cosine == 0.0
    assert separable.relevance(0.0, 0.0) < 0.5 < separable.relevance(1.0, 0.0)
    for scores, labels in (([1.0, 2.0], [True, True]), ([0.0, 1.0], [True, False])):
        with pytest.raises(BadInput):
            fitted(scores, none[:2], labels)
