"""Opening what is there and making what is not, also when other processes do so at the same moment."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TypeVar

from rag_embed.errors import IndexExists, NoIndex
from rag_embed.fields import Fields
from rag_embed.protocols import Store
from rag_embed.text import amount

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


def declare_lacking(store: Store, fields: Fields) -> None:
    """Declare those of the fields that a store has not; a warning tells of values that do not fit.

    Raises:
        BadInput: One is declared as another type.
    """
    if store.fields.joined(fields) == store.fields:
        return
    if told := store.declare(fields):
        values = amount(len(told), "value")
        warnings.warn(f"{values} of stored documents not used. {told[0].reason}", stacklevel=3)
