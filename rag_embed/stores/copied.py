"""What a store in memory keeps of what it is given, so that nobody else can change it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rag_embed.types import Chunk, Document
from rag_embed.values import plain


def copied(
    documents: Sequence[tuple[Document, str]], chunks: Sequence[Chunk]
) -> tuple[list[tuple[Document, str]], list[Chunk]]:
    """Copies whose metadata nobody else can change, as JSON keeps it."""
    metadata = {d.id: plain(d.metadata, f"Document {d.id!r}") for d, _ in documents}
    parts = {id(c.metadata): plain(c.metadata, f"Document {c.doc_id!r}") for c in chunks}
    return (
        [(replace(document, metadata=metadata[document.id]), d) for document, d in documents],
        [replace(chunk, metadata=parts[id(chunk.metadata)]) for chunk in chunks],
    )
