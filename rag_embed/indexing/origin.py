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


def bare(document: Document) -> str:
    """The name of a document's file without that of its folder; empty for what a program added."""
    return origin_of(document).partition("/")[2]


def taken(document: Document, stored: Document | None) -> str | None:
    """Why a document must not be added beside the stored one; None when it may.

    What a program adds replaces whatever there is. What comes from a folder or scope replaces what came
    from there, and what was added without one from the same file or from none.

    Args:
        document: The document.
        stored: What the index holds under its id, or under the bare name of its file.
    """
    scope = scope_of(document)
    if stored is None or not scope or scope_of(stored) == scope:
        return None
    path = stored.metadata.get("path")
    if stored.id != document.id:
        if origin_of(stored) or path != stored.id:
            return None
        return (
            f"the index holds this file as {stored.id!r}, without the name of its folder, as earlier "
            "versions added it; delete that document, or make a new index"
        )
    if elsewhere := origin_of(stored):
        return f"the index holds a document of this id that came from {elsewhere!r}"
    if path in (document.metadata.get("path"), bare(document)):
        return None
    return "the index holds a document of this id that a program added"
