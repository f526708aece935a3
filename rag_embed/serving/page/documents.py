"""A document as it is shown, around a passage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rag_embed.indexing.marks import marks
from rag_embed.serving.citations import citation
from rag_embed.serving.library import Library, Shelf
from rag_embed.serving.page.hits import shown_fields
from rag_embed.serving.page.texts import Block, blocks
from rag_embed.serving.parameters import Refused
from rag_embed.serving.reading import located
from rag_embed.text import printable
from rag_embed.types import Chunk, Document

WINDOW = 30_000
"""Characters of a document that are shown at once."""


@dataclass(frozen=True, slots=True)
class Read:
    """A part of a document.

    Attributes:
        title: The document's title, or its id.
        id: The document's id.
        collection: The index it is from.
        fields: Values of the declared fields, as text.
        before: What stands before the passage.
        passage: The passage; empty where none was asked for.
        after: What stands after it.
        start: First character that is shown.
        end: Character after the last one.
        length: Characters of the document.
        earlier: Where what comes before begins; None at the beginning.
        later: Where what comes after begins; None at the end.
    """

    title: str
    id: str
    collection: str
    fields: tuple[tuple[str, str], ...]
    before: tuple[Block, ...]
    passage: tuple[Block, ...]
    after: tuple[Block, ...]
    start: int
    end: int
    length: int
    earlier: int | None
    later: int | None


def read(library: Library, id: str, collection: str, query: str, start: int | None) -> Read:
    """A document around a passage, or from a character on.

    Raises:
        Refused: There is none that is seen, or it ends before that.
    """
    shelf, document, span = located(library, id, collection)
    chunks = shelf.chunks(document)
    length = len(document.text)
    if start is not None and not 0 <= start < max(length, 1):
        raise Refused(f"start is between 0 and {max(length - 1, 0)}, got {start}.")
    low, high = _window(chunks, length, span, start)
    inner = span if span and low <= span[0] and span[1] <= high else (low, low)
    known = citation(shelf, Chunk.of(document, 0, 0))
    return Read(
        printable(document.title or document.id),
        document.id,
        shelf.name,
        shown_fields(known["fields"]),
        tuple(_blocks(shelf, document, low, inner[0], "")),
        tuple(_blocks(shelf, document, *inner, query)),
        tuple(_blocks(shelf, document, inner[1], high, "")),
        low,
        high,
        length,
        max(0, low - WINDOW) if low else None,
        high if high < length else None,
    )


def _window(
    chunks: Sequence[Chunk], length: int, span: tuple[int, int] | None, start: int | None
) -> tuple[int, int]:
    """What is shown of a document: whole chunks around a passage, or from a character on."""
    if length <= WINDOW:
        return 0, length
    wanted = start if start is not None else max(0, (span or (0, 0))[0] - WINDOW // 2)
    starts = [one.start for one in chunks if one.start <= wanted]
    low = wanted if start is not None else max(starts, default=0)
    ends = [one.end for one in chunks if low < one.end <= low + WINDOW]
    high = max(ends, default=min(length, low + WINDOW))
    return low, length if chunks and high >= chunks[-1].end else high


def _blocks(shelf: Shelf, document: Document, start: int, end: int, query: str) -> list[Block]:
    text = document.text[start:end]
    analyzer = shelf.index.store.analyzer
    held = set(analyzer.words(text))
    asked = [word for word in analyzer.asked(query) if word in held]
    return blocks(text, marks(text, asked, analyzer), document.metadata.get("format"))
