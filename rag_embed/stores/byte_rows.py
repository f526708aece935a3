"""Columns of bytes as one array, for what holds many numbers a row."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc


def flat_bytes(column: pa.ChunkedArray) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    r"""The bytes of all rows, one row after the other, and ``(rows + 1,)`` where each begins.

    A row without a value has none. The bytes are a view of the column.

    Examples:
        >>> rows, starts = flat_bytes(pa.chunked_array([[b"\x01\x02", None, b"\x03"]]))
        >>> rows.tolist(), starts.tolist()
        ([1, 2, 3], [0, 2, 2, 3])
    """
    known = pc.fill_null(column, b"").combine_chunks()
    if not len(known):
        return np.empty(0, np.uint8), np.zeros(1, np.int64)
    _, offsets, data = known.buffers()
    places = np.frombuffer(offsets, np.int32)[known.offset : known.offset + len(known) + 1]
    rows = np.frombuffer(data or b"", np.uint8)[places[0] : places[-1]]
    return rows, places.astype(np.int64) - places[0]
