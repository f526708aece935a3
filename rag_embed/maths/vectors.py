"""Unit rows and the one ranking rule that everything in rag_embed sorts by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

DIGITS = 5
"""Scores are compared to this many decimals: a float's last bits differ between machines."""

_SMALL = 1e-12

_RELATIVE = 1e-6
"""More than float32 loses in a subtraction."""

_BLOCK = 32
"""Scores of which the best is taken first, where there are many."""

ROUNDING = 1e-6
"""How far from 1 the length of a unit row of float32 may be."""


def unit(rows: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """Scale rows to length 1; a zero row becomes the first axis, so that n rows in are n rows out.

    Rows that have length 1, but for rounding, stay as they are: doing it twice changes no bit, so a
    vector that a caller got from an encoder finds exactly what its text finds.

    Args:
        rows: ``(n, dim)`` of any float type.

    Returns:
        ``(n, dim)`` C-contiguous float32.

    Examples:
        >>> unit(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
        [[0.6000000238418579, 0.800000011920929], [1.0, 0.0]]
    """
    scaled: npt.NDArray[np.float32] = np.array(rows, dtype=np.float32, order="C")
    with np.errstate(over="ignore", under="ignore"):
        norms = np.linalg.norm(scaled, axis=1, keepdims=True)
    norms[np.abs(norms - 1.0) < ROUNDING] = 1.0
    odd = ~((norms[:, 0] > _SMALL) & (norms[:, 0] < 1 / _SMALL))
    if odd.any():  # squares of float32 lose their digits there
        exact = scaled[odd].astype(np.float64)
        lengths = np.linalg.norm(exact, axis=1, keepdims=True)
        exact[lengths[:, 0] == 0.0, :1] = lengths[lengths == 0.0] = 1.0
        scaled[odd], norms[odd] = exact / lengths, 1.0
    scaled /= norms
    return scaled


def best(ids: Sequence[str], scores: npt.NDArray[np.floating], n: int) -> npt.NDArray[np.intp]:
    """Positions of the ``n`` best: by score rounded to `DIGITS` decimals, then by id.

    Args:
        ids: Identity of each score, distinct.
        scores: ``(len(ids),)``, higher is better.
        n: How many at most, >= 0.

    Returns:
        ``(min(n, len(ids)),)`` positions. Fewer are always a prefix of more.

    Examples:
        >>> best(["b", "a", "c"], np.array([0.5, 0.5, 0.9]), 2).tolist()
        [2, 1]
    """
    if n <= 0 or scores.size == 0:
        return np.empty(0, dtype=np.intp)
    near = np.arange(scores.size)
    if n < scores.size:  # most are far below: only what may round to as much is rounded
        edge = _edge(scores, n)
        near = np.flatnonzero(scores >= edge - (10.0**-DIGITS + _RELATIVE * abs(edge)))
    rounded = -np.round(scores[near].astype(np.float64), DIGITS)
    order = np.argsort(rounded)
    sorted_ = rounded[order]
    if (sorted_[1:] > sorted_[:-1]).all():
        return near[order[:n]]
    pairs = zip(rounded.tolist(), [ids[i] for i in near.tolist()], near.tolist(), strict=True)
    return np.array([i for _, _, i in sorted(pairs)[:n]], dtype=np.intp)


def _edge(scores: npt.NDArray[np.floating], n: int) -> float:
    """The ``n``-th best score, ``0 < n <= len(scores)``.

    The ``n``-th best of what is best in blocks is one of them, so that what lies below is none.
    """
    blocks = len(scores) // _BLOCK
    if blocks > 2 * n:
        tops = scores[: blocks * _BLOCK].reshape(blocks, _BLOCK).max(axis=1)
        scores = scores[scores >= np.partition(tops, blocks - n)[blocks - n]]
    return float(np.partition(scores, len(scores) - n)[len(scores) - n])


def contenders(scores: npt.NDArray[np.floating], n: int) -> npt.NDArray[np.intp]:
    """Positions among which `best` finds the ``n`` best, in order: a few where scores differ.

    Examples:
        >>> contenders(np.array([1.0, 3.0, 2.0, 2.0]), 2).tolist()
        [1, 2, 3]
    """
    if not 0 < n < len(scores):
        return np.arange(len(scores) if n else 0)
    return np.flatnonzero(scores >= _edge(scores, n) - 2.0 * 10.0**-DIGITS)


def first(
    ids: Sequence[str], scores: npt.NDArray[np.floating], n: int
) -> tuple[list[str], npt.NDArray[np.float32]]:
    """The ``n`` `best` and their scores.

    Examples:
        >>> first(["a", "b"], np.array([1.0, 2.0]), 1)
        (['b'], array([2.], dtype=float32))
    """
    order = best(ids, scores, n)
    return [ids[i] for i in order.tolist()], scores[order].astype(np.float32)
