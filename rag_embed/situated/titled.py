"""`Isolated` encodes the chunk alone, `Titled` puts its title and headings before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar, cast

from rag_embed.protocols import Encoder, TokenEncoder
from rag_embed.texts import titled
from rag_embed.types import Chunk, Document, Signature, TokenRows, Vectors

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Isolated:
    """Each chunk is encoded by itself. Measured against `Titled`: policies .186 to .353 nDCG@10."""

    encoder: Encoder

    @property
    def signature(self) -> Signature:
        """See `protocols.ChunkEncoder`."""
        return replace(self.encoder.signature, chunks="isolated")

    def encode_chunks(self, groups: Sequence[tuple[Document, Sequence[Chunk]]], /) -> Vectors:
        """See `protocols.ChunkEncoder`."""
        return self.encoder.encode_document(self.texts(groups))

    def encode_chunk_tokens(
        self, groups: Sequence[tuple[Document, Sequence[Chunk]]], keep: Callable[[TokenRows], T], /
    ) -> tuple[Vectors, list[T]]:
        """See `protocols.TokenSpace`."""
        encoder = cast(TokenEncoder, self.encoder)  # whoever asks has checked it
        return encoder.encode_document_tokens(self.texts(groups), keep)

    def texts(self, groups: Sequence[tuple[Document, Sequence[Chunk]]], /) -> list[str]:
        """See `protocols.TokenSpace`."""
        return [chunk.text for _, chunks in groups for chunk in chunks]

    def encode_query(self, texts: Sequence[str], /) -> Vectors:
        """See `protocols.ChunkEncoder`."""
        return self.encoder.encode_query(texts)


@dataclass(frozen=True, slots=True)
class Titled:
    """Each chunk is encoded under its document's title and its heading path.

    Attributes:
        encoder: Encodes the texts.
        path: Put the document's file path (``metadata["path"]``) above the title too, where it has
            one: for folders whose names say what is in them.
    """

    encoder: Encoder
    path: bool = False

    @property
    def signature(self) -> Signature:
        """See `protocols.ChunkEncoder`."""
        return replace(self.encoder.signature, chunks="titled(path)" if self.path else "titled")

    def encode_chunks(self, groups: Sequence[tuple[Document, Sequence[Chunk]]], /) -> Vectors:
        """See `protocols.ChunkEncoder`."""
        return self.encoder.encode_document(self.texts(groups))

    def encode_chunk_tokens(
        self, groups: Sequence[tuple[Document, Sequence[Chunk]]], keep: Callable[[TokenRows], T], /
    ) -> tuple[Vectors, list[T]]:
        """See `protocols.TokenSpace`."""
        encoder = cast(TokenEncoder, self.encoder)  # whoever asks has checked it
        return encoder.encode_document_tokens(self.texts(groups), keep)

    def texts(self, groups: Sequence[tuple[Document, Sequence[Chunk]]], /) -> list[str]:
        """See `protocols.TokenSpace`."""
        return [self._text(chunk) for _, chunks in groups for chunk in chunks]

    def _text(self, chunk: Chunk) -> str:
        path = str(chunk.metadata.get("path") or "") if self.path else ""
        return "\n".join(filter(None, [path, titled(chunk)]))

    def encode_query(self, texts: Sequence[str], /) -> Vectors:
        """See `protocols.ChunkEncoder`."""
        return self.encoder.encode_query(texts)
