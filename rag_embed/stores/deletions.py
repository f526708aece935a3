"""Whether a file that says which rows are deleted is whole: a version does not say how large it is.

LanceDB writes few numbers as an Arrow file and many as a Roaring bitmap
(https://github.com/RoaringBitmap/RoaringFormatSpec), and goes on where the disk refuses them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

_PLAIN, _RUNS = 12346, 12347
"""How a bitmap begins: without containers of runs, or with some."""

_LONGEST_ARRAY = 4096
"""Numbers of a container that are listed; more of them are a bitmap."""

_BITMAP = 8192
"""Bytes."""

_OFFSETS_FROM = 4
"""Containers from which on a bitmap with runs says where they are."""


def deleted_rows(path: Path) -> int:
    """How many rows a file of deletions names.

    Raises:
        ValueError: It is cut short, or no such file.
        FileNotFoundError: There is none.
    """
    content = path.read_bytes()
    if path.suffix == ".bin":
        return _in_bitmap(content)
    try:
        return int(pa.ipc.open_file(pa.py_buffer(content)).read_all().num_rows)
    except (pa.ArrowException, OSError) as error:
        raise ValueError(str(error)) from error


def _in_bitmap(content: bytes) -> int:
    words = np.frombuffer(content[: len(content) // 2 * 2], "<u2")
    if len(words) < 4:
        raise ValueError("it is cut short")
    runs = np.zeros(0, dtype=np.uint8)
    count, at = int(words[2]) + (int(words[3]) << 16), 8
    if words[0] == _RUNS:
        count, at = int(words[1]) + 1, 4 + (int(words[1]) + 8) // 8
        runs = np.unpackbits(np.frombuffer(content[4:at], np.uint8), bitorder="little")
    elif words[0] != _PLAIN or words[1]:
        raise ValueError("no bitmap")
    head = np.frombuffer(content[at : at + 4 * count], "<u2")
    if len(head) < 2 * count:
        raise ValueError("it is cut short")
    sizes = head[1::2].astype(np.int64) + 1
    at += 4 * count
    if not len(runs) or count >= _OFFSETS_FROM:
        at += 4 * count
    for number, size in enumerate(sizes.tolist()):
        if number < len(runs) and runs[number]:
            at += 2 + 4 * int.from_bytes(content[at : at + 2], "little")
        else:
            at += 2 * size if size <= _LONGEST_ARRAY else _BITMAP
    if at != len(content):
        raise ValueError(f"it has {len(content)} of {at} bytes")
    return int(sizes.sum())
