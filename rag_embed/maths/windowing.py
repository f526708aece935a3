"""The vectors of a text's windows made one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rag_embed.maths.vectors import unit

_LEAST = 1e-6
"""Weight of a window that is the mean: a text of one window, or of copies, keeps its direction."""


def novelty(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """How much each window of a text differs from all of them: ``(1 - cos(window, mean))^2``.

    The mean of a long text is what most of it repeats. What is said once is in few windows, and
    these are the ones far from the mean.

    Args:
        rows: ``(n, dim)`` unit rows of one text's windows, n >= 1.

    Returns:
        ``(n,)`` float64 weights > 0.

    Examples:
        >>> rows = np.array([[1, 0], [1, 0], [0, 1]], dtype=np.float32)
        >>> weights = novelty(rows)
        >>> bool(weights[2] > 10 * weights[0]), bool(weights[0] == weights[1])
        (True, True)
    """
    mean = unit(rows.mean(axis=0, keepdims=True))[0]
    distance = np.maximum(1.0 - (rows @ mean).astype(np.float64), 0.0)
    return np.asarray((distance + _LEAST) ** 2)


def weighted_means(
    rows: npt.NDArray[np.float32],
    weights: npt.NDArray[np.floating],
    owners: npt.NDArray[np.intp],
    count: int,
) -> npt.NDArray[np.float32]:
    """One unit row per text: the weighted mean of its windows.

    Args:
        rows: ``(n, dim)`` windows of all texts.
        weights: ``(n,)`` > 0.
        owners: ``(n,)`` which text each is of.
        count: Number of texts, each with a window at least.

    Returns:
        ``(count, dim)`` float32 unit rows.

    Examples:
        >>> rows = np.eye(2, dtype=np.float32)
        >>> weighted_means(rows, np.array([3.0, 4.0]), np.array([0, 0]), 1).round(3).tolist()
        [[0.6000000238418579, 0.800000011920929]]
    """
    sums = np.zeros((count, rows.shape[1]), dtype=np.float64)
    np.add.at(sums, owners, rows * weights[:, None])
    totals = np.bincount(owners, weights=weights, minlength=count)
    return unit(sums / np.maximum(totals, np.finfo(np.float64).tiny)[:, None])
