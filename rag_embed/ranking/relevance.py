"""Relevance: a fused score turned into a number in [0, 1] that means the same for every query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rag_embed.errors import BadInput


@dataclass(frozen=True, slots=True)
class Calibration:
    """``relevance = 1 / (1 + exp(-(slope * score + intercept)))``: Platt scaling (1999).

    The order of hits never changes.

    Attributes:
        slope: > 0.
        intercept: The even chance lies at the score ``-intercept / slope``.

    Examples:
        >>> round(Calibration(8.0, -4.0).relevance(0.5), 2)
        0.5
    """

    slope: float
    intercept: float

    def relevance(self, score: float) -> float:
        """Probability that a hit with this fused score answers the query."""
        exponent = -(self.slope * score + self.intercept)
        return float(1.0 / (1.0 + np.exp(np.clip(exponent, -60.0, 60.0))))


DEFAULT = Calibration(12.0, -6.5)
"""Fitted by ``benchmarks/relevance.py``."""

_STEPS = 100


def fitted(scores: Sequence[float], labels: Sequence[bool]) -> Calibration:
    """Fit a calibration to judged hits: Newton's method on the log-likelihood.

    Targets are smoothed as in Platt (1999): ``(positives + 1) / (positives + 2)`` and
    ``1 / (negatives + 2)``, which keeps the fit finite when the classes can be separated.

    Args:
        scores: ``(n,)`` fused scores.
        labels: ``(n,)`` whether that hit answered its query.

    Raises:
        BadInput: There are not both kinds of labels, or higher scores go with worse answers.

    Examples:
        >>> fitted([0.1, 0.2, 0.7, 0.9], [False, False, True, True]).relevance(0.8) > 0.6
        True
    """
    x = np.asarray(scores, dtype=np.float64)
    y = np.asarray(labels, dtype=bool)
    positives, negatives = int(y.sum()), int((~y).sum())
    if not positives or not negatives:
        raise BadInput("Calibration needs hits that answer their query and hits that do not.")
    target = np.where(y, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    features = np.stack([x, np.ones_like(x)], axis=1)
    theta = np.zeros(2)
    for _ in range(_STEPS):
        p = 1.0 / (1.0 + np.exp(-np.clip(features @ theta, -60, 60)))
        gradient = features.T @ (p - target)
        hessian = (features * (p * (1 - p))[:, None]).T @ features + 1e-9 * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        theta -= step * min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-10:
            break
    if theta[0] <= 0:
        raise BadInput("Higher scores went with worse answers; check the labels.")
    return Calibration(float(theta[0]), float(theta[1]))
