"""The rows with the largest dot products: of all, or of those that `sign_codes` tells to be near."""

from __future__ import annotations

from functools import partial

import numpy as np
import numpy.typing as npt

from rag_embed.maths.products import dots, dots_at
from rag_embed.maths.sign_codes import Distances, Slots
from rag_embed.maths.vectors import contenders
from rag_embed.types import Scores, Vectors

Mask = npt.NDArray[np.bool_]
Found = tuple[Slots, Scores]

_FILTERED = 5
"""Where less than one row of so many counts, the others are not looked at."""

_COPIED = 4
"""For so many queries those that count are copied first, which takes as long as to pick them out as often."""

_NEAR, _FOR_EACH = 1000, 10
"""How many of the nearest are scored first: at least, and for each one of the best that is wanted."""

_LARGEST = 4
"""A scan costs no more than the scores of one row in so many, picked out."""

_MANY = 16
"""Codes are worth it where there are so many rows for each that is scored first."""


def exact(rows: Vectors, vectors: Vectors, allowed: Mask, n: int) -> list[Found]:
    """For each vector, among which rows the ``n`` best are, and the dot products of these.

    Args:
        rows: ``(size, dim)``.
        vectors: ``(queries, dim)``.
        allowed: ``(size,)`` the rows that count, at least ``n``.
        n: How many.
    """
    slots = np.flatnonzero(allowed)
    few = len(slots) * _FILTERED < len(allowed)
    if few and len(vectors) < _COPIED:
        score = partial(dots_at, rows, slots)
    else:
        score = partial(dots, rows[slots] if few else rows)
    scores = np.stack([score(vector) for vector in vectors])
    if not few:
        scores[:, ~allowed] = -np.inf
    chosen = [contenders(one, n) for one in scores]
    return [
        (slots[some] if few else some, one[some]) for some, one in zip(chosen, scores, strict=True)
    ]


def worthwhile(rows: int, n: int) -> bool:
    """Whether codes find the ``n`` best among so many rows at less cost than a scan."""
    return _MANY * _first(n) <= rows


def near(
    distances: Distances, rows: Vectors, vector: Scores, allowed: Mask, n: int
) -> Found | None:
    """Like `exact`, for one vector: the nearest by their codes, then as many again, and so on.

    It ends when the last ones held none of the best: then those that are farther hold fewer than one in
    a thousand.

    Args:
        distances: ``(size,)`` of the codes; overwritten.
        rows: ``(size, dim)``.
        vector: ``(dim,)``.
        allowed: ``(size,)`` the rows that count.
        n: How many.

    Returns:
        None where a scan costs less than to go on.
    """
    farthest = int(distances.max())
    if not allowed.all():
        distances[~allowed] = farthest + 1
    within = np.cumsum(np.bincount(distances)[: farthest + 1])
    slots, scores = np.empty(0, np.intp), np.empty(0, np.float32)
    edge, start, least = int(np.searchsorted(within, _first(n))), 0, -np.inf
    while edge < len(within) and within[edge] * _LARGEST <= within[-1]:
        fresh = np.flatnonzero((distances >= start) & (distances <= edge))
        found = dots_at(rows, fresh, vector)
        slots, scores = np.concatenate([slots, fresh]), np.concatenate([scores, found])
        if not (found > least).any():
            some = contenders(scores, n)
            return slots[some], scores[some]
        least = np.partition(scores, len(scores) - n)[len(scores) - n]
        start, edge = edge + 1, int(np.searchsorted(within, 2 * within[edge]))
    return None


def _first(n: int) -> int:
    return max(_NEAR, _FOR_EACH * n)
