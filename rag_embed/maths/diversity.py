"""Maximal marginal relevance: Carbonell and Goldstein, SIGIR 1998."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def mmr(
    scores: npt.NDArray[np.floating],
    rows: npt.NDArray[np.floating],
    diversity: float,
    n: int,
    before: npt.NDArray[np.floating] | None = None,
) -> list[int]:
    """Choose one after the other what is relevant and unlike everything chosen before.

    Args:
        scores: ``(m,)`` best first; scaled to [0, 1] by their range.
        rows: ``(m, dim)`` unit vectors of the same items.
        diversity: 0 keeps the order, 1 looks at difference alone after the first item.
        n: How many to choose.
        before: ``(b, dim)`` unit vectors of what was chosen already, from items that come first.

    Returns:
        Positions in the order chosen: each maximises
        ``(1 - diversity) * score - diversity * max cosine to those chosen``. Fewer are a prefix
        of more.

    Examples:
        >>> rows = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        >>> mmr(np.array([1.0, 0.9, 0.2]), rows, 0.7, 2)
        [0, 2]
        >>> mmr(np.array([1.0, 0.9, 0.2]), rows, 0.7, 2, before=rows[:1])
        [2, 0]
    """
    spread = float(np.ptp(scores)) if len(scores) else 0.0
    relevance = (scores - scores.min()) / spread if spread else np.ones(len(scores))
    nearest: npt.NDArray[np.floating] | None = None
    for row in [] if before is None else before:
        nearest = _nearer(nearest, rows @ row)
    chosen: list[int] = []
    left = np.ones(len(scores), dtype=bool)
    while len(chosen) < min(n, len(scores)):
        value = (1.0 - diversity) * relevance - diversity * (0.0 if nearest is None else nearest)
        pick = int(np.argmax(np.where(left, np.round(value, 6), -np.inf)))
        nearest = _nearer(nearest, rows @ rows[pick])
        chosen.append(pick)
        left[pick] = False
    return chosen


def _nearer(
    nearest: npt.NDArray[np.floating] | None, similar: npt.NDArray[np.floating]
) -> npt.NDArray[np.floating]:
    return similar if nearest is None else np.maximum(nearest, similar)
