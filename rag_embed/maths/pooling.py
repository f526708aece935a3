"""Windows over a sequence of tokens, the most central one for a part of it, and means of tokens."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from rag_embed.errors import BadInput
from rag_embed.types import Spans, Vectors


def windows(n: int, size: int, overlap: int) -> Spans:
    """The fewest windows of at most ``size`` that cover ``n`` tokens, as equal as can be.

    Args:
        n: Tokens, >= 0.
        size: Tokens of a window at most, >= 1.
        overlap: Tokens that neighbours share at least, ``0 <= overlap < size``.

    Returns:
        ``(m, 2)`` token ranges ``[start, end)``, sorted; one empty range when ``n`` is 0.

    Raises:
        BadInput: A number is out of range.

    Examples:
        >>> windows(10, 6, 2).tolist()
        [[0, 6], [4, 10]]
        >>> windows(11, 6, 2).tolist()
        [[0, 5], [3, 8], [6, 11]]
    """
    if n < 0 or size < 1 or not 0 <= overlap < size:
        raise BadInput(
            "windows() needs n >= 0, size >= 1 and 0 <= overlap < size, "
            f"got {n}, {size} and {overlap}."
        )
    count = 1 if n <= size else -(-(n - overlap) // (size - overlap))
    length = -(-(n + (count - 1) * overlap) // count)
    starts = np.linspace(0, n - length, count).astype(np.int64)
    return np.stack([starts, starts + length], axis=1)


def most_central(ranges: Spans, among: Spans) -> npt.NDArray[np.intp]:
    """Which window holds each range whole, with the range nearest to the window's middle.

    Args:
        ranges: ``(n, 2)`` token ranges.
        among: ``(m, 2)`` windows, m >= 1.

    Returns:
        ``(n,)`` positions in ``among``, the first of equals; -1 where no window holds the range.

    Examples:
        >>> most_central(np.array([[4, 6], [0, 9]]), np.array([[0, 6], [3, 9]])).tolist()
        [1, -1]
    """
    whole = (ranges[:, :1] >= among[:, 0]) & (ranges[:, 1:] <= among[:, 1])
    apart = np.abs(ranges.sum(axis=1, keepdims=True) - among.sum(axis=1)).astype(np.float64)
    apart[~whole] = np.inf
    return np.where(whole.any(axis=1), apart.argmin(axis=1), -1).astype(np.intp)


def touching(starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64], spans: Spans) -> Spans:
    """Ranges of tokens with at least one character in each ``[start, end)``.

    Args:
        starts: ``(n,)`` first characters.
        ends: ``(n,)`` characters after the last.
        spans: ``(tokens, 2)`` characters of the tokens, sorted.

    Returns:
        ``(n, 2)`` token ranges; an empty one has two equal ends.

    Examples:
        >>> spans = np.array([[0, 3], [4, 7]])
        >>> touching(np.array([2, 3]), np.array([5, 4]), spans).tolist()
        [[0, 2], [1, 1]]
    """
    first = np.searchsorted(spans[:, 1], starts, side="right")
    last = np.searchsorted(spans[:, 0], ends, side="left")
    last = np.where(ends > starts, np.maximum(first, last), first)
    return np.stack([first, last], axis=1).astype(np.int64)


def group_means(rows: npt.NDArray[np.floating], counts: Sequence[int]) -> Vectors:
    """Mean of each group of neighbouring rows; lengths of the means are kept.

    Args:
        rows: ``(sum(counts), dim)``.
        counts: Rows of each group, >= 0; an empty group's mean is 0.

    Returns:
        ``(len(counts), dim)`` C-contiguous float32.

    Examples:
        >>> group_means(np.array([[1.0], [3.0], [5.0]]), [2, 0, 1]).tolist()
        [[2.0], [0.0], [5.0]]
    """
    means = np.zeros((len(counts), rows.shape[1]), dtype=np.float32)
    start = 0
    for mean, count in zip(means, counts, strict=True):
        if count:
            mean[:] = rows[start : start + count].mean(axis=0, dtype=np.float64)
        start += count
    return means
