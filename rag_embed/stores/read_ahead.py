"""How far LanceDB reads ahead of what uses the rows, so that upkeep of a large table takes no more memory.

By itself it reads up to 2 GB ahead, and several files side by side: to merge files, it holds the rows of
all of them, up to that. With these bounds merging 570,000 rows of 2 kB takes 170 MB of memory in place of
500, and as much for 240,000; neither that nor reading an index into memory takes more time.
"""

from __future__ import annotations

import os

BOUNDS = {
    "LANCE_DEFAULT_IO_BUFFER_SIZE": 32 * 2**20,
    "LANCE_DEFAULT_BATCH_SIZE": 1024,
    "LANCE_DEFAULT_FRAGMENT_READAHEAD": 1,
}
"""Bytes, rows and files. LanceDB takes them from the environment alone."""


def bound_read_ahead() -> None:
    """Set these for the process, before LanceDB first reads; what somebody has set stays."""
    for name, bound in BOUNDS.items():
        os.environ.setdefault(name, str(bound))
