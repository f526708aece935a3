"""`TwoSided` asks with one model and reads documents with another that was trained to answer it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from rag_embed.errors import SpaceMismatch
from rag_embed.protocols import TokenEncoder
from rag_embed.types import Signature, Spans, TokenRows, Vectors

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TwoSided:
    """Queries by one encoder, documents by another one.

    Attributes:
        queries: Encodes what is asked.
        documents: Encodes what is found; its weights are the space's.

    Raises:
        SpaceMismatch: They have vectors of different lengths.
    """

    queries: TokenEncoder
    documents: TokenEncoder

    def __post_init__(self) -> None:
        dims = self.queries.signature.dim, self.documents.signature.dim
        if dims[0] != dims[1]:
            raise SpaceMismatch(
                f"Queries and documents need vectors of one length, got {dims[0]} and {dims[1]}."
            )

    @property
    def signature(self) -> Signature:
        """See `protocols.Encoder`."""
        return replace(self.documents.signature, query_prompt=self.queries.signature.query_prompt)

    @property
    def asking(self) -> Signature:
        """Of what reads the queries; see `situated.space.asking`."""
        return self.queries.signature

    def encode_query(self, texts: Sequence[str], /) -> Vectors:
        """See `protocols.Encoder`."""
        return self.queries.encode_query(texts)

    def encode_document(self, texts: Sequence[str], /) -> Vectors:
        """See `protocols.Encoder`."""
        return self.documents.encode_document(texts)

    def encode_query_tokens(
        self, texts: Sequence[str], keep: Callable[[TokenRows], T], /
    ) -> tuple[Vectors, list[T]]:
        """See `protocols.TokenEncoder`."""
        return self.queries.encode_query_tokens(texts, keep)

    def encode_document_tokens(
        self, texts: Sequence[str], keep: Callable[[TokenRows], T], /
    ) -> tuple[Vectors, list[T]]:
        """See `protocols.TokenEncoder`."""
        return self.documents.encode_document_tokens(texts, keep)

    def token_spans(self, text: str, /) -> Spans:
        """See `protocols.Encoder`."""
        return self.documents.token_spans(text)
