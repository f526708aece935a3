"""What a store is given of documents: their chunks, and what was computed of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rag_embed.types.documents import Chunk
from rag_embed.types.vectors import SparseVector, TokenBits, Vectors


@dataclass(frozen=True, slots=True, eq=False)
class ChunkRows:
    """Chunks, and what was computed for each of them: what a store writes.

    Attributes:
        chunks: The chunks.
        vectors: Space -> one row per chunk.
        tokens: Space -> one entry per chunk, for the spaces that keep tokens.
        lexical: What lexical search reads of each chunk; None for its title, headings and text.
        sparse: Sparse space -> one entry per chunk.
    """

    chunks: Sequence[Chunk]
    vectors: Mapping[str, Vectors]
    tokens: Mapping[str, Sequence[TokenBits]] = field(default_factory=dict)
    lexical: Sequence[str] | None = None
    sparse: Mapping[str, Sequence[SparseVector]] = field(default_factory=dict)
