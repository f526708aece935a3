"""An array that only grows: whoever reads its first rows is not disturbed by rows that are added."""

from __future__ import annotations

from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

T = TypeVar("T", bound=np.generic)


class Growing(Generic[T]):
    """Rows of one shape; those that nobody has written are 0.

    A larger array takes the place of one that is full. It has room to spare, which takes no memory
    before it is written.

    Args:
        dtype: The type of a number.
        shape: The shape of a row.

    Examples:
        >>> some = Growing(np.int64)
        >>> some.upto(2)[:] = 7
        >>> some.upto(3).tolist()
        [7, 7, 0]
    """

    def __init__(self, dtype: type[T], *shape: int) -> None:
        self._array: npt.NDArray[T] = np.zeros((0, *shape), dtype=dtype)

    @property
    def room(self) -> int:
        """Rows that there is an array for."""
        return len(self._array)

    def upto(self, rows: int) -> npt.NDArray[T]:
        """The first rows, for reading, and for writing those that nobody reads yet."""
        if rows > len(self._array):
            old = self._array
            larger = np.zeros((rows + rows // 4 + 1024, *old.shape[1:]), dtype=old.dtype)
            larger[: len(old)] = old
            self._array = larger  # full before anybody sees it
        return self._array[:rows]
