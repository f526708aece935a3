"""`SearchOnly` stands in where whoever situated the chunks is not at hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar, cast

from rag_embed.errors import BadInput
from rag_embed.protocols import Encoder, TokenEncoder
from rag_embed.types import Chunk, Document, Signature, TokenRows, Vectors

T = TypeVar("T")


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

    def encode_chunk_tokens(
        self, groups: Sequence[tuple[Document, Sequence[Chunk]]], keep: Callable[[TokenRows], T], /
    ) -> tuple[Vectors, list[T]]:
        """See `protocols.TokenSpace`."""
        encoder = cast(TokenEncoder, self.encoder)  # whoever asks has checked it
        return encoder.encode_document_tokens(self.texts(groups), keep)

    def texts(self, groups: Sequence[tuple[Document, Sequence[Chunk]]], /) -> list[str]:
        """Always raises BadInput."""
        raise BadInput(
            f"The chunks of this index are situated by {self.chunks!r}: to add documents, open it "
            "with Index.open(..., situate=...) and what was given to Index.create."
        )

    def encode_query(self, texts: Sequence[str], /) -> Vectors:
        """See `protocols.ChunkEncoder`."""
        return self.encoder.encode_query(texts)
