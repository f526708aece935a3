"""Relevance: a fused score turned into a number in [0, 1] that means the same for every query."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Calibration:
    """``relevance = 1 / (1 + exp(-(slope * evidence + intercept)))``  (Platt, 1999).

    The evidence is the fused score. Order within a query never changes.

    Attributes:
        slope: > 0.
        intercept: Where the even chance lies: at ``-intercept / slope``.

    Example:
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
