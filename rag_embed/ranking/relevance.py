"""Relevance: what the legs say, turned into a number in [0, 1] that means the same for every query.

Two facts go in. The fused score tells which of a corpus's chunks fits best; it is relative to
the corpus, so a question from another world has a best chunk too. The cosine tells whether the two
are about the same thing at all, but its level depends on the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rag_embed.errors import BadInput


@dataclass(frozen=True, slots=True)
class Calibration:
    """``relevance = 1 / (1 + exp(-(score * s + cosine * c + intercept)))``: Platt scaling (1999).

    Attributes:
        score: Weight of the fused score ``s``, > 0.
        cosine: Weight of the dense leg's raw cosine ``c``; 0 where its level is unknown.
        intercept: The even chance lies where the weighted sum is ``-intercept``.

    Examples:
        >>> round(Calibration(8.0, 0.0, -4.0).relevance(0.5, 0.3), 2)
        0.5
    """

    score: float
    cosine: float
    intercept: float

    def relevance(self, score: float, cosine: float) -> float:
        """Probability that a hit answers the query."""
        exponent = -(self.score * score + self.cosine * cosine + self.intercept)
        return float(1.0 / (1.0 + np.exp(np.clip(exponent, -60.0, 60.0))))


ANY_MODEL = Calibration(9.91, 0.0, -8.13)
"""Until `tuning.relevance` fits one, for models whose cosines nobody has measured."""

MEASURED = {
    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db": Calibration(
        5.93, 4.26, -6.19
    ),
}
"""By hash of the weights (all-MiniLM-L6-v2); fitted by ``benchmarks/relevance.py``."""

RIDGE = 1e-4
"""Weight of the squared coefficients."""

_STEPS = 100


def default(weights: str) -> Calibration:
    """The curve for a model before it is fitted to labels."""
    return MEASURED.get(weights, ANY_MODEL)


def fitted(
    scores: Sequence[float], cosines: Sequence[float], labels: Sequence[bool]
) -> Calibration:
    """Fit a calibration to judged hits: Newton's method on the log-likelihood.

    Targets are smoothed as in Platt (1999): ``(positives + 1) / (positives + 2)`` and
    ``1 / (negatives + 2)``; a little ridge keeps the fit finite when the classes can be separated.

    Give it each query's best hit only: among the lower hits of answerable queries a high cosine is
    the rule, and the fit would learn to distrust it (measured: benchmarks/relevance.py).

    Args:
        scores: ``(n,)`` fused scores.
        cosines: ``(n,)`` raw cosines; all 0 leaves them out.
        labels: ``(n,)`` whether that hit answered its query.

    Raises:
        BadInput: There are not both kinds of labels, or higher scores go with worse answers.

    Examples:
        >>> labels = [False, False, True, True]
        >>> fitted([0.1, 0.2, 0.7, 0.9], [0.0] * 4, labels).relevance(0.8, 0.0) > 0.6
        True
    """
    y = np.asarray(labels, dtype=bool)
    positives, negatives = int(y.sum()), int((~y).sum())
    if not positives or not negatives:
        raise BadInput("Calibration needs hits that answer their query and hits that do not.")
    target = np.where(y, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    features = np.stack([scores, cosines, np.ones(len(y))], axis=1).astype(np.float64)
    ridge = RIDGE * np.diag([1.0, 1.0, 0.0])
    theta = np.zeros(3)
    for _ in range(_STEPS):
        p = 1.0 / (1.0 + np.exp(-np.clip(features @ theta, -60, 60)))
        gradient = features.T @ (p - target) + ridge @ theta
        hessian = (features * (p * (1 - p))[:, None]).T @ features + ridge + 1e-12 * np.eye(3)
        step = np.linalg.solve(hessian, gradient)
        theta -= step * min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-10:
            break
    if theta[0] <= 0:
        raise BadInput("Higher scores went with worse answers; check the labels.")
    return Calibration(*(float(value) for value in theta))
