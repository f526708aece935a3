"""`Prompted`: queries and documents are one forward pass under two prompts, with tokens or without."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TypeVar

from rag_embed.encoders.tokens import Tokens
from rag_embed.types import Signature, Spans, TokenRows, Vectors

T = TypeVar("T")


class Prompted(ABC):
    """A `protocols.TokenEncoder` of one model, however that is run.

    Attributes:
        signature: Of its space; names the prompts.
        tokens: Cuts texts into the model's tokens.
    """

    signature: Signature
    tokens: Tokens

    def encode_query(self, texts: Sequence[str], /) -> Vectors:
        """See `protocols.Encoder`."""
        return self._encode(texts, self.signature.query_prompt)

    def encode_document(self, texts: Sequence[str], /) -> Vectors:
        """See `protocols.Encoder`."""
        return self._encode(texts, self.signature.document_prompt)

    def encode_query_tokens(
        self, texts: Sequence[str], keep: Callable[[TokenRows], T], /
    ) -> tuple[Vectors, list[T]]:
        """See `protocols.TokenEncoder`."""
        return self._encode_tokens(texts, self.signature.query_prompt, keep)

    def encode_document_tokens(
        self, texts: Sequence[str], keep: Callable[[TokenRows], T], /
    ) -> tuple[Vectors, list[T]]:
        """See `protocols.TokenEncoder`."""
        return self._encode_tokens(texts, self.signature.document_prompt, keep)

    def token_spans(self, text: str, /) -> Spans:
        """See `protocols.Encoder`."""
        return self.tokens.spans(text)

    @abstractmethod
    def _encode(self, texts: Sequence[str], prompt: str) -> Vectors:
        """``(n, dim)`` unit rows, float32."""

    @abstractmethod
    def _encode_tokens(
        self, texts: Sequence[str], prompt: str, keep: Callable[[TokenRows], T]
    ) -> tuple[Vectors, list[T]]:
        """The same rows, and what is kept of the token rows of each text."""
