"""What a forked process has to make anew: threads, locks, and libraries that run on threads.

A fork copies memory, but of all threads only the one that forked. A pool of threads has no threads in
the child, a lock that another thread held is never given back.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

_forks = 0


def forks() -> int:
    """How many forks lie between this process and the one that imported this module."""
    return _forks


def _forked() -> None:
    global _forks
    _forks += 1


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_forked)


class PerProcess(Generic[T]):
    """A value that every process makes for itself; what was inherited is kept, but never used.

    Args:
        make: Makes the value, at once and again in every forked process that asks for it.

    Examples:
        >>> from threading import Lock
        >>> lock = PerProcess(Lock)
        >>> with lock.get():
        ...     lock.get().locked()
        True
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: dict[int, T] = {_forks: make()}

    def get(self) -> T:
        """The value of this process."""
        if _forks not in self._made:
            return self._made.setdefault(_forks, self._make())
        return self._made[_forks]

    def __reduce__(self) -> tuple[type[PerProcess[T]], tuple[Callable[[], T]]]:
        """A copy, here or in another process, makes its own."""
        return PerProcess, (self._make,)
