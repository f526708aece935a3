"""How much is done at once: little at first, so that a run shows and keeps something soon, then more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from rag_embed.types import Cut

LOOK_UP = 256
"""Documents that are read and compared at once, at most."""

FIRST_LOOK_UP = 8

CHUNKS = 8192
CHARACTERS = 500_000
"""Chunks or characters of a full batch: about half a minute of encoding on a CPU, and few commits for
many tiny texts."""

TIDIED = 64
"""Batches after which a store is asked to tidy up: what each one left behind is read by every look-up."""

FIRST_CHARACTERS = 16_000
"""Characters of the first batch: about a second of encoding."""

T = TypeVar("T")


class Batches:
    """When to write: the first batch is small, each is twice as large as the one before.

    Examples:
        >>> from rag_embed import Document
        >>> batches = Batches()
        >>> cut = Cut(Document("d", "x" * 20_000), [])
        >>> [batches.full_after(cut) for _ in range(7)]
        [True, False, True, False, False, False, True]
    """

    def __init__(self) -> None:
        self._limit = FIRST_CHARACTERS
        self._chunks = self._characters = 0

    def full_after(self, cut: Cut) -> bool:
        """Count a document in; True when the batch should be written, and the next one begins."""
        self._chunks += len(cut.chunks)
        self._characters += len(cut.document.text)
        if self._chunks < CHUNKS and self._characters < self._limit:
            return False
        self._limit = min(2 * self._limit, CHARACTERS)
        self._chunks = self._characters = 0
        return True


def in_growing_batches(items: Iterable[T]) -> Iterator[list[T]]:
    """Lists of items: few at first, since each may take long to read, then up to `LOOK_UP`.

    Examples:
        >>> [len(some) for some in in_growing_batches(range(100))]
        [8, 16, 32, 44]
    """
    iterator, size = iter(items), FIRST_LOOK_UP
    while batch := list(islice(iterator, size)):
        yield batch
        size = min(2 * size, LOOK_UP)
