"""What is written to situate chunks, found inside of spaces: for contextual BM25, and to be forgotten."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rag_embed.protocols import ChunkEncoder
from rag_embed.situated.described import Described
from rag_embed.situated.residual import DocumentMean, Headed, Heading, Residual
from rag_embed.situated.tokens import WithTokens
from rag_embed.types import Chunk, Document


def written(
    space: ChunkEncoder, groups: Sequence[tuple[Document, Sequence[Chunk]]]
) -> list[str] | None:
    """What lexical search reads of each chunk: context, title, headings and text.

    Args:
        space: How chunks are situated; a `Described` is also found inside of others.
        groups: Documents with their chunks.

    Returns:
        One text per chunk, in order; None when no contexts are written, or not for lexical search.

    Raises:
        NoContext: A chunk got no context.
    """
    match space:
        case Described(lexical=True):
            return space.texts(groups)
        case Residual():
            return written(space.a, groups) or written(space.b, groups)
        case DocumentMean() | Headed() | Heading() | WithTokens():
            return written(space.space, groups)
        case _:
            return None


def forget_contexts(space: ChunkEncoder, documents: Sequence[Document]) -> None:
    """Erase what was written for documents from every cache of a space."""
    for one in _described(space):
        one.forget(documents)


def _described(space: ChunkEncoder) -> Iterator[Described]:
    match space:
        case Described():
            yield space
        case Residual():
            yield from _described(space.a)
            yield from _described(space.b)
        case DocumentMean() | Headed() | Heading() | WithTokens():
            yield from _described(space.space)
