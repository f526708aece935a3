"""Products that BLAS computes on the thread that asks.

OpenBLAS shares a large product among all cores; the threads that it wakes then wait busily for the next one,
for tens of milliseconds of processor time, and slow whatever runs in between. A search needs few large
products, so none of them is large enough to be shared.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

ALONE = 2**18
"""Multiplications of one product that are not shared."""

F = TypeVar("F", np.float32, np.float64)


def dots(rows: npt.NDArray[F], vector: npt.NDArray[F]) -> npt.NDArray[F]:
    """Dot product of every row with a vector.

    Args:
        rows: ``(n, dim)``, C-contiguous.
        vector: ``(dim,)``.

    Returns:
        ``(n,)``.

    Examples:
        >>> dots(np.eye(3, dtype=np.float32), np.array([1, 2, 3], dtype=np.float32)).tolist()
        [1.0, 2.0, 3.0]
    """
    count, dim = rows.shape
    block = max(1, ALONE // max(dim, 1))
    whole = count - count % block
    found = np.empty(count, dtype=rows.dtype)
    blocks = rows[:whole].reshape(-1, block, dim)
    np.matmul(blocks, vector, out=found[:whole].reshape(-1, block))
    np.matmul(rows[whole:], vector, out=found[whole:])
    return found


def dots_at(
    rows: npt.NDArray[F], slots: npt.NDArray[np.intp], vector: npt.NDArray[F]
) -> npt.NDArray[F]:
    """Dot product of some rows with a vector.

    They are picked out a few at a time, which stay in the processor's cache: to copy all of them first takes
    nearly twice as long.

    Args:
        rows: ``(n, dim)``, C-contiguous.
        slots: ``(m,)`` which rows.
        vector: ``(dim,)``.

    Returns:
        ``(m,)``.

    Examples:
        >>> dots_at(np.eye(3), np.array([2, 0]), np.array([1.0, 2.0, 3.0])).tolist()
        [3.0, 1.0]
    """
    dim = rows.shape[1]
    block = max(1, ALONE // max(dim, 1))
    found = np.empty(len(slots), dtype=rows.dtype)
    room = np.empty((min(block, len(slots)), dim), dtype=rows.dtype)
    for start in range(0, len(slots), block):
        some = slots[start : start + block]
        picked = rows.take(some, axis=0, out=room[: len(some)], mode="clip")  # others copy twice
        np.matmul(picked, vector, out=found[start : start + block])
    return found
