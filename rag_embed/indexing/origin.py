"""Where a stored document came from, as its metadata says: what pruning may touch.

``metadata["indexed_from"]`` is written by `Index.add_files` and `Index.sync` alone: the name of a folder
with the path of the file below it, or a scope. `Index.add` takes it away, so that no document of a
program looks like one of a folder.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from rag_embed.types import Document, Skipped

ORIGIN = "indexed_from"


def marked(document: Document, origin: str) -> Document:
    """The document with its origin in the metadata."""
    return replace(document, metadata={**document.metadata, ORIGIN: origin})


def unmarked(documents: Iterable[Document | Skipped]) -> Iterator[Document | Skipped]:
    """Documents without origin; anything else as it is."""
    for one in documents:
        if isinstance(one, Document) and ORIGIN in one.metadata:
            kept = {key: value for key, value in one.metadata.items() if key != ORIGIN}
            yield replace(one, metadata=kept)
        else:
            yield one


def origin_of(document: Document) -> str:
    """Folder and file, or scope; empty for a document that a program added."""
    return str(document.metadata.get(ORIGIN, ""))


def scope_of(document: Document) -> str:
    """The first part of the origin: the name of a folder, or a scope."""
    return origin_of(document).partition("/")[0]


def taken(document: Document, stored: Document | None) -> str | None:
    """Why a document must not replace the stored one of the same id; None when it may.

    What a program adds replaces whatever there is. What comes from a folder or scope replaces what came
    from there, and what was added without one from the same file or from none.
    """
    scope = scope_of(document)
    if stored is None or not scope or scope_of(stored) == scope:
        return None
    if elsewhere := origin_of(stored):
        return f"the index holds a document of this id that came from {elsewhere!r}"
    if stored.metadata.get("path") == document.metadata.get("path"):
        return None
    return "the index holds a document of this id that a program added"
