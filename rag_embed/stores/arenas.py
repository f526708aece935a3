"""How little glibc's malloc keeps of what is given back, so that a process that writes for long does not grow.

LanceDB works in dozens of threads, and by itself glibc makes eight arenas for each core. What a thread frees
stays in its arena, so that in time each holds what the largest piece of work of any thread took.
"""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache
from typing import Any

ARENAS = 2
"""What is commonly set for servers in little memory; small pieces are at hand in each thread anyway."""

LARGE = 4 * 2**20
"""Bytes of what is taken from the system by itself, and goes back to it when it is freed.

glibc begins with 128 kB and goes up to the largest piece that was ever freed, 32 MB at most: from then on what
LanceDB merges lies among small pieces that stay, and the holes between them are never given back.
"""

_OPTIONS = {
    -8: ("MALLOC_ARENA_MAX", "arena_max", ARENAS),
    -3: ("MALLOC_MMAP_THRESHOLD_", "mmap_threshold", LARGE),
    -1: ("MALLOC_TRIM_THRESHOLD_", "trim_threshold", 2 * LARGE),
}
"""glibc's numbers of them, in its ``malloc.h``; what sets each from outside; what it is here.

The last is twice the one before, as glibc has it where it moves both.
"""


def keep_little() -> None:
    """Let malloc make no more than `ARENAS` from now on, and keep nothing `LARGE`, where it is glibc's.

    Arenas that there are stay. Who starts the program has the last word of each: what is said by a variable
    such as ``MALLOC_ARENA_MAX``, or by ``GLIBC_TUNABLES``, is left as it is.
    """
    if (mallopt := _of_glibc("mallopt")) is None:
        return
    tunables = os.environ.get("GLIBC_TUNABLES", "")
    for number, (variable, tunable, value) in _OPTIONS.items():
        if variable not in os.environ and f"malloc.{tunable}=" not in tunables:
            mallopt(number, value)


def give_back() -> None:
    """Give free pages to the system, in the middle of arenas too, after work that took much memory.

    Takes some milliseconds. Does nothing where malloc is not glibc's.
    """
    if (malloc_trim := _of_glibc("malloc_trim")) is not None:
        malloc_trim(0)


@cache
def _of_glibc(name: str) -> Any:  # noqa: ANN401
    """A function of the C library; None where it is another one, which has none of these."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
