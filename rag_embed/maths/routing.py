"""Routing by pilots: which expert was best for the queries most like this one.

The hard rule is that of RouterRetriever (Lee et al., arXiv 2409.02685, section 3 and algorithm 1): per
source dataset and expert one centroid of the training queries that the expert served best; an
expert's score is the mean similarity of a query with its centroids. The mean over centroids makes it
a nearest-prototype rule with one prototype per expert. The authors' code takes the maximum
instead; both are here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from rag_embed.errors import BadInput

Ties: TypeAlias = Literal["drop", "first", "split"]
Aggregation: TypeAlias = Literal["mean", "max"]
Similarity: TypeAlias = Literal["cosine", "dot"]

Matrix: TypeAlias = npt.NDArray[np.float64]

DIGITS = 6
"""Utilities are compared to this many decimals."""

_HALVINGS = 30
"""Of a range of six powers of ten, on a scale of logarithms."""


def wins(utilities: npt.NDArray[np.floating], ties: Ties = "drop") -> Matrix:
    """How much of each pilot counts for each expert: all of it for the best one.

    Args:
        utilities: ``(n, m)``, pilot by expert, higher is better.
        ties: Where several experts are best: ``"drop"`` the pilot, which says nothing about whom to
            choose; ``"first"`` expert gets it, as in the authors' code; ``"split"`` it evenly.

    Returns:
        ``(n, m)`` float64; rows sum to 1, or to 0 for dropped pilots.

    Raises:
        BadInput: No expert, or an unknown rule for ties.

    Examples:
        >>> wins(np.array([[0.2, 0.9], [1.0, 1.0]]), "drop").tolist()
        [[0.0, 1.0], [0.0, 0.0]]
        >>> wins(np.array([[1.0, 1.0]]), "split").tolist()
        [[0.5, 0.5]]
    """
    if ties not in get_args(Ties):
        raise BadInput(f"ties must be one of {get_args(Ties)}, got {ties!r}.")
    if utilities.ndim != 2 or not utilities.shape[1]:
        raise BadInput(f"Utilities are pilot by expert, got shape {utilities.shape}.")
    rounded = np.round(utilities.astype(np.float64), DIGITS)
    best = rounded == rounded.max(axis=1, keepdims=True)
    counts = best.sum(axis=1, keepdims=True)
    if ties == "split":
        shared: Matrix = best / counts
        return shared
    if ties == "drop":
        return np.where(counts == 1, best, False).astype(np.float64)
    first = np.zeros(rounded.shape)
    first[np.arange(len(rounded)), best.argmax(axis=1)] = 1.0
    return first


def centroids(
    vectors: npt.NDArray[np.floating],
    won: Matrix,
    sources: npt.NDArray[np.integer],
) -> tuple[Matrix, npt.NDArray[np.intp]]:
    """The pilot library: one centroid per source and expert that won something there.

    Args:
        vectors: ``(n, d)`` queries by the frozen base encoder.
        won: ``(n, m)`` from `wins`.
        sources: ``(n,)`` number of the dataset each pilot comes from.

    Returns:
        ``(c, d)`` float64 centroids, not of length 1, by source and then expert; ``(c,)`` the expert
        of each.

    Examples:
        >>> rows = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 3.0]])
        >>> found, experts = centroids(rows, np.eye(2)[[0, 1, 1]], np.zeros(3, int))
        >>> found.tolist(), experts.tolist()
        ([[1.0, 0.0], [0.0, 2.0]], [0, 1])
    """
    rows, experts = [], []
    for source in np.unique(sources):
        here = sources == source
        mass = won[here].sum(axis=0)
        sums = won[here].T @ vectors[here].astype(np.float64)
        for expert in np.flatnonzero(mass > 0):
            rows.append(sums[expert] / mass[expert])
            experts.append(expert)
    dim = vectors.shape[1]
    return np.array(rows, dtype=np.float64).reshape(-1, dim), np.array(experts, dtype=np.intp)


def expert_scores(
    query: npt.NDArray[np.floating],
    library: Matrix,
    experts: npt.NDArray[np.intp],
    m: int,
    *,
    aggregation: Aggregation = "mean",
    similarity: Similarity = "cosine",
) -> Matrix:
    """How near a query is to each expert's centroids.

    Args:
        query: ``(d,)``.
        library: ``(c, d)`` from `centroids`.
        experts: ``(c,)`` the expert of each centroid.
        m: Number of experts.
        aggregation: ``"mean"`` over an expert's centroids is the paper, ``"max"`` its code.
        similarity: The paper does not say which; ``"dot"`` favours experts with long centroids.

    Returns:
        ``(m,)`` float64; ``-inf`` for an expert without centroid.

    Raises:
        BadInput: Unknown aggregation or similarity.

    Examples:
        >>> library, experts = np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([0, 1])
        >>> expert_scores(np.array([0.6, 0.8]), library, experts, 3).tolist()
        [0.6, 0.8, -inf]
    """
    if aggregation not in get_args(Aggregation) or similarity not in get_args(Similarity):
        raise BadInput(
            f"aggregation is one of {get_args(Aggregation)}, similarity of {get_args(Similarity)}; "
            f"got {aggregation!r} and {similarity!r}."
        )
    near = library @ query.astype(np.float64)
    if similarity == "cosine":
        norms = np.linalg.norm(library, axis=1) * np.linalg.norm(query.astype(np.float64))
        near = near / np.maximum(norms, 1e-12)
    scores = np.full(m, -np.inf)
    for expert in range(m):
        own = near[experts == expert]
        if own.size:
            scores[expert] = own.mean() if aggregation == "mean" else own.max()
    return scores


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


def nearest(similarities: npt.NDArray[np.floating], n: int) -> npt.NDArray[np.intp]:
    """Positions of the ``n`` largest, largest first, ties by position.

    Examples:
        >>> nearest(np.array([0.1, 0.9, 0.9]), 2).tolist()
        [1, 2]
    """
    rounded = np.round(similarities.astype(np.float64), DIGITS)
    if n < rounded.size:
        edge = -np.partition(-rounded, n - 1)[n - 1]
        some = np.flatnonzero(rounded >= edge)
    else:
        some = np.arange(rounded.size)
    return some[np.lexsort((some, -rounded[some]))][:n]


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
