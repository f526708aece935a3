"""Routing by pilots: which expert was best for the queries most like this one.

The hard rule is that of RouterRetriever (Lee et al., arXiv 2409.02685, section 3 and algorithm 1): per
source dataset and expert one centroid of the training queries that the expert served best; an
expert's score is the mean similarity of a query with its centroids. The mean over centroids makes it
a nearest-prototype rule with one prototype per expert. The authors' code takes the maximum
instead; both are here.
"""

from __future__ import annotations

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
