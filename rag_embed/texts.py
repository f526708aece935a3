"""What is read of a chunk and of a hit: the text alone, or under its title and headings."""

from __future__ import annotations

from collections.abc import Callable

from rag_embed.types import Chunk, Hit

Read = Callable[[Hit], str]
"""What a re-ranker reads of a hit."""


def read_titled(hit: Hit) -> str:
    """Title, headings and text of a hit: what `situated.titled` encodes."""
    return titled(hit.chunk)


def heading(chunk: Chunk) -> str:
    r"""The chunk's title, and those headings above it that do not repeat the title.

    Examples:
        >>> from rag_embed import Document
        >>> document = Document("d", "Call close().", title="Files")
        >>> heading(Chunk.of(document, 0, 13, headings=("Files", "Closing")))
        'Files\nClosing'
    """
    above = [chunk.title, *(one for one in chunk.headings if one != chunk.title)]
    return "\n".join(filter(None, above))


def titled(chunk: Chunk) -> str:
    r"""The chunk's text under its title and those headings that do not repeat the title.

    Examples:
        >>> from rag_embed import Document
        >>> chunk = Chunk.of(Document("d", "Call close().", title="Files"), 0, 13)
        >>> titled(chunk)
        'Files\nCall close().'
    """
    return "\n".join([*filter(None, [heading(chunk)]), chunk.text])
