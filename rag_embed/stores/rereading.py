"""Reading while `forget` and upkeep drop the files of older versions: begun again, with the latest one."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from rag_embed.errors import StoreError
from rag_embed.protocols import Store, View

T = TypeVar("T")

_TRIES = 5
_GONE = re.compile(r"ot found|no longer exists|No such file")


def reread(read: Callable[[], T]) -> T:
    """What a read of the latest version gives; begun again where its files were dropped meanwhile.

    Args:
        read: Asks LanceDB, and raises what LanceDB raises.
    """
    for _ in range(_TRIES - 1):
        try:
            return read()
        except (OSError, RuntimeError, ValueError) as error:
            if not _GONE.search(str(error)):
                raise
    return read()


def with_view(store: Store, work: Callable[[View], T]) -> T:
    """What is made of a store's latest version; made again where that was dropped meanwhile.

    Args:
        store: The store.
        work: Reads a view, and changes nothing.

    Raises:
        StoreError: The version cannot be read, though no later one has taken its place; or later ones
            did so again and again.

    Examples:
        >>> from rag_embed.stores import MemoryStore
        >>> with_view(MemoryStore({"dense": 2}), len)
        0
    """
    view = store.view()
    for _ in range(_TRIES):
        try:
            return work(view)
        except StoreError:
            latest = store.view()
            if latest is view:
                raise
            view = latest
    raise StoreError(f"The index was rewritten {_TRIES} times while it was read. Try again.")
