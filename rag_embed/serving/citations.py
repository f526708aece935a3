"""Where a passage stands, in a line for a model and as fields for a program."""

from __future__ import annotations

from typing import Any

from rag_embed.serving.library import Shelf
from rag_embed.text import printable
from rag_embed.types import Chunk, Citation

_LONGEST = 160

CITED = {
    "collection": {"type": "string"},
    "id": {"type": "string", "description": "What read takes."},
    "doc_id": {"type": "string"},
    "title": {"type": "string"},
    "headings": {"type": "array", "items": {"type": "string"}},
    "start": {"type": "integer", "description": "First character in the document."},
    "end": {"type": "integer", "description": "Character after the last one."},
    "source": {"type": "string", "description": "Its URL, or the document's id."},
    "page": {
        "type": ["integer", "null"],
        "description": "Page, slide or cell to open: that of the sentence that answers, if it is known, else "
        "where the text starts.",
    },
    "page_start": {"type": ["integer", "null"], "description": "Page, slide or cell it starts on."},
    "page_end": {"type": ["integer", "null"], "description": "Page, slide or cell it ends on."},
    "fields": {"type": "object", "description": "Values of the declared fields."},
}
"""JSON Schema of the properties that `citation` gives."""


def citation(shelf: Shelf, chunk: Chunk, at: int | None = None) -> dict[str, Any]:
    """Where a chunk or passage stands, for a program; no path of this machine.

    Args:
        shelf: Its index.
        chunk: The chunk.
        at: Offset in the document of the sentence that answers, if that is known.
    """
    declared = shelf.index.store.fields.types
    known = Citation.of(chunk, at=at)
    web = known.source.startswith(("http://", "https://"))
    return {
        "collection": shelf.name,
        "id": chunk.id,
        "doc_id": chunk.doc_id,
        "title": chunk.title,
        "headings": list(chunk.headings),
        "start": chunk.start,
        "end": chunk.end,
        "source": known.source if web else chunk.doc_id,
        "page": known.page,
        "page_start": known.page_start,
        "page_end": known.page_end,
        "fields": {name: chunk.metadata[name] for name in declared if name in chunk.metadata},
    }


def page(chunk: Chunk, at: int | None = None) -> str:
    """The page of a chunk, as a few words; empty where there are none.

    A model reads all of the text, and may quote what stands on another page than the sentence that answers:
    of a text on several pages it is told both.
    """
    known = Citation.of(chunk, at=at)
    several = known.at is not None and known.page_start != known.page_end
    return f"{known.pages} (text of {known.page_kind}s {known.span})" if several else known.pages


def under(title: str, headings: tuple[str, ...] | list[str]) -> str:
    """Title and headings in a line, each once; empty where there are none."""
    whole = printable(" > ".join(filter(None, dict.fromkeys([title, *headings]))))
    flat = " ".join(whole.split())
    return flat if len(flat) <= _LONGEST else f"{flat[:_LONGEST]}…"


def line(shelf: Shelf, several: bool, id: str, *more: str) -> str:
    """The line above a passage: what to call it, and what else is to be said."""
    place = f"{shelf.name}: {id}" if several else id
    return ", ".join([" ".join(printable(place).split("\n")), *filter(None, more)])
