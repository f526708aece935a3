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

_ARENA_MAX = -8
"""``M_ARENA_MAX`` of glibc's ``malloc.h``."""

ARENAS = 2
"""What is commonly set for servers in little memory; small pieces are at hand in each thread anyway."""


def share_arenas() -> None:
    """Let malloc make no more than `ARENAS` from now on, where it is glibc's; those that there are stay.

    Who starts the program has the last word: ``MALLOC_ARENA_MAX`` in its environment, or
    ``glibc.malloc.arena_max`` in its ``GLIBC_TUNABLES``, is left as it is.
    """
    told = "MALLOC_ARENA_MAX" in os.environ or "arena_max" in os.environ.get("GLIBC_TUNABLES", "")
    if not told and (mallopt := _of_glibc("mallopt")) is not None:
        mallopt(_ARENA_MAX, ARENAS)


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
