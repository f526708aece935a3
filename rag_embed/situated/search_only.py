"""`SearchOnly` stands in where whoever situated the chunks is not at hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rag_embed.errors import BadInput
from rag_embed.protocols import Encoder
from rag_embed.types import Chunk, Document, Signature, Vectors


@dataclass(frozen=True, slots=True)
class SearchOnly:
    """A space whose situating part is not at hand: queries can be encoded, documents cannot.

    Attributes:
        encoder: Encodes queries.
        chunks: How the chunks were situated.
    """

    encoder: Encoder
    chunks: str

    @property
    def signature(self) -> Signature:
        """See `protocols.ChunkEncoder`."""
        return replace(self.encoder.signature, chunks=self.chunks)

    def encode_chunks(self, groups: Sequence[tuple[Document, Sequence[Chunk]]], /) -> Vectors:
        """Always raises BadInput."""
        return self.encoder.encode_document(self.texts(groups))

    def texts(self, groups: Sequence[tuple[Document, Sequence[Chunk]]], /) -> list[str]:
        """Always raises BadInput."""
        raise BadInput(
            f"The chunks of this index are situated by {self.chunks!r}: to add documents, open it "
            "with Index.open(..., situate=...) and what was given to Index.create."
        )

    def encode_query(self, texts: Sequence[str], /) -> Vectors:
        """See `protocols.ChunkEncoder`."""
        return self.encoder.encode_query(texts)
