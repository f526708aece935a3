"""Reading while `forget` and upkeep drop the files of older versions: begun again, with the latest one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_TRIES = 5


def reread(read: Callable[[], T]) -> T:
    """What a read of the latest version gives; begun again where its files were dropped meanwhile.

    Args:
        read: Asks LanceDB, and raises what LanceDB raises.
    """
    for _ in range(_TRIES - 1):
        try:
            return read()
        except (OSError, RuntimeError, ValueError) as error:
            if "ot found" not in str(error):
                raise
    return read()
