"""Weights per query: how pilots want those of the legs changed, and how much of that is done.

Each pilot's loss is taken as its quadratic at the default weights; what the nearest pilots ask for is one step
of Newton's method, held back by a ridge.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from rag_embed.errors import BadInput
from rag_embed.maths.routing import Matrix

_HALVINGS = 30
"""Of a range of six powers of ten, on a scale of logarithms."""


def listwise(
    scores: npt.NDArray[np.floating],
    relevant: npt.NDArray[np.floating],
    weights: npt.NDArray[np.floating],
) -> tuple[Matrix, Matrix]:
    """How one query wants the weights of its legs changed: the slope and curvature of its loss.

    The loss is ListNet's (Cao et al., ICML 2007) on the top one: the cross-entropy between the shares
    of the relevant candidates and ``softmax(scores @ weights)``. It is convex in the weights.

    Args:
        scores: ``(n, p)`` candidate by leg, normalised.
        relevant: ``(n,)`` grades, not all 0.
        weights: ``(p,)`` where the derivatives are taken.

    Returns:
        ``(p,)`` gradient and ``(p, p)`` Hessian, float64.

    Raises:
        BadInput: Nothing is relevant.

    Examples:
        >>> slope, _ = listwise(np.eye(2), np.array([1.0, 0.0]), np.zeros(2))
        >>> slope.tolist()
        [-0.5, 0.5]
    """
    if not (relevant > 0).any():
        raise BadInput("No candidate is relevant, so the query says nothing about the weights.")
    x = scores.astype(np.float64)
    p = _softmax(x @ weights)
    share = np.maximum(relevant, 0.0) / np.maximum(relevant, 0.0).sum()
    mean = p @ x
    return mean - share @ x, (x * p[:, None]).T @ x - np.outer(mean, mean)


def sharpness(
    fused: Sequence[npt.NDArray[np.floating]], relevant: Sequence[npt.NDArray[np.floating]]
) -> float:
    """How many times fused scores must be taken for their softmax to be as sure as the ranking is right.

    The temperature of a ranking, its inverse: the number that lowers the mean of `listwise`'s loss most, which
    is convex in it. It makes up for any factor of the scores. All candidates of a query have ``1 / (n + 2)`` of
    its shares between them, where there are ``n`` queries, much as in Platt's targets (1999): a ranking that is
    right for all of them is not held for surer than they can tell.

    Args:
        fused: ``(n_i,)`` scores of each query's candidates.
        relevant: ``(n_i,)`` their grades.

    Returns:
        > 0. Where no query tells anything, as none has a relevant candidate or all scores are equal, 1.

    Examples:
        >>> scores, grades = np.array([1.0, 0.0]), np.array([1.0, 0.0])
        >>> round(sharpness([scores] * 8, [grades] * 8), 3)  # right 8 times of 8: p = .95
        2.944
        >>> round(sharpness([scores * 10] * 8, [grades] * 8), 4)
        0.2944
        >>> sharpness([scores] * 8, [grades * 0] * 8)
        1.0
    """
    told = [
        (scores.astype(np.float64), grades)
        for scores, grades in zip(fused, relevant, strict=True)
        if (grades > 0).any() and np.ptp(scores) > 0
    ]
    if not told:
        return 1.0
    wanted = sum(_expected(scores, grades, len(told)) for scores, grades in told)

    def lacks(factor: float) -> bool:
        return sum(float(_softmax(factor * scores) @ scores) for scores, _ in told) < wanted

    scale = float(np.mean([np.std(scores) for scores, _ in told]))
    low, high = 1e-3 / scale, 1e3 / scale
    for _ in range(_HALVINGS):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if lacks(middle) else (low, middle)
    return math.sqrt(low * high)


def mixed(
    default: npt.NDArray[np.floating],
    shares: npt.NDArray[np.floating],
    gradients: npt.NDArray[np.floating],
    hessians: npt.NDArray[np.floating],
    ridge: float,
) -> Matrix:
    """The weights that pilots ask for: one Newton step from the default, held back by a ridge.

    Minimises ``sum_i share_i * loss_i(w) + ridge / 2 * |w - default|^2``, each loss taken as its
    quadratic at the default: ``w = default - (sum share H + ridge I)^-1 sum share g``.

    Args:
        default: ``(p,)``.
        shares: ``(k,)`` >= 0, how much each pilot counts; all 0 gives the default back.
        gradients: ``(k, p)`` from `listwise` at the default.
        hessians: ``(k, p, p)``.
        ridge: > 0.

    Returns:
        ``(p,)`` float64.

    Examples:
        >>> mixed(np.ones(2), np.array([1.0]), np.array([[-1.0, 0.0]]), np.zeros((1, 2, 2)), 2.0)
        array([1.5, 1. ])
    """
    curvature = np.tensordot(shares, hessians, 1) + ridge * np.eye(default.size)
    step = np.linalg.solve(curvature, shares @ gradients)
    return np.asarray(default - step, dtype=np.float64)


def pruned(
    weights: npt.NDArray[np.floating],
    curvature: npt.NDArray[np.floating],
    prices: npt.NDArray[np.floating],
    least: float,
) -> Matrix:
    """Weights without those that are not worth their price.

    To keep weight ``j`` at 0 costs a quadratic loss at least ``w_j^2 / (2 [A^-1]_jj)`` above its minimum,
    the other weights making up for it as well as they can: Optimal Brain Surgeon (Hassibi and Stork,
    NIPS 1992). What costs least for its price goes first.

    Args:
        weights: ``(p,)`` where the loss is smallest.
        curvature: ``(p, p)`` of the loss, positive definite.
        prices: ``(p,)`` >= 0; what has none stays.
        least: Loss per price from which a weight is worth it, >= 0.

    Returns:
        ``(p,)`` float64.

    Examples:
        >>> pruned(np.ones(2), np.array([[1.0, 0.9], [0.9, 1.0]]), np.array([0.0, 1.0]), 0.1)
        array([1.9, 0. ])
        >>> pruned(np.ones(2), np.eye(2), np.array([0.0, 1.0]), 0.1)
        array([1., 1.])
    """
    left, inverse = weights.astype(np.float64), np.linalg.inv(curvature)
    dear = np.flatnonzero(prices > 0).tolist()
    while dear:
        worth = [left[j] ** 2 / (2 * inverse[j, j] * prices[j]) for j in dear]
        first = int(np.argmin(worth))
        if worth[first] >= least:
            break
        j = dear.pop(first)
        column = inverse[:, j] / inverse[j, j]
        left = left - column * left[j]
        inverse = inverse - np.outer(column, inverse[j])
        left[j] = 0.0
    return left


def _expected(
    scores: npt.NDArray[np.float64], grades: npt.NDArray[np.floating], queries: int
) -> float:
    """Mean score under the smoothed shares of the relevant candidates."""
    share = np.maximum(grades, 0.0) / np.maximum(grades, 0.0).sum()
    return float((share * (queries + 1) + 1.0 / share.size) @ scores / (queries + 2))


def _softmax(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    raised = np.exp(logits - logits.max())
    shares: npt.NDArray[np.float64] = raised / raised.sum()
    return shares
