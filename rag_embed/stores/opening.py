"""Opening what is there and making what is not, also when other processes do so at the same moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from rag_embed.errors import IndexExists, NoIndex

T = TypeVar("T")


def opened_or_made(open_it: Callable[[], T], make_it: Callable[[], T]) -> T:
    """What the first function opens; where there is nothing, what the second one makes.

    Args:
        open_it: Raises `NoIndex` where there is nothing.
        make_it: Raises `IndexExists` where another process was faster; then that is opened.
    """
    try:
        return open_it()
    except NoIndex:
        pass
    try:
        return make_it()
    except IndexExists:
        return open_it()
