"""Contextual BM25: what was written to situate a chunk is a text that words can be found in."""

from __future__ import annotations

from collections.abc import Sequence

from rag_embed.protocols import ChunkEncoder
from rag_embed.situated.described import Described
from rag_embed.situated.residual import DocumentMean, Heading, Residual
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
        case DocumentMean() | Heading() | WithTokens():
            return written(space.space, groups)
        case _:
            return None
