"""One entry per document: the best chunk stands for it, the next ones are its siblings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from rag_embed.types import doc_id_of

SIBLINGS = 4
"""Further chunks of a document that are shown behind its best."""


class Named(Protocol):
    """Something that stands for a chunk."""

    @property
    def id(self) -> str:
        """The chunk's id."""
        ...


T = TypeVar("T", bound=Named)


def by_document(ranked: Sequence[T]) -> list[list[T]]:
    """Documents in the order of their best chunk, each with at most `SIBLINGS` further chunks.

    Args:
        ranked: Best first.

    Examples:
        >>> from rag_embed.types import Chunk, Document
        >>> a, b = Document("a", "one two"), Document("b", "three")
        >>> chunks = [Chunk.of(a, 4, 7), Chunk.of(b, 0, 5), Chunk.of(a, 0, 3)]
        >>> [[chunk.text for chunk in group] for group in by_document(chunks)]
        [['two', 'one'], ['three']]
    """
    groups: dict[str, list[T]] = {}
    for one in ranked:
        groups.setdefault(doc_id_of(one.id), []).append(one)
    return [group[: 1 + SIBLINGS] for group in groups.values()]
