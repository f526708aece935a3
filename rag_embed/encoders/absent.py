"""`Absent` stands in for an encoder that is not at hand: whatever needs none goes on working."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn, TypeVar

from rag_embed.errors import ModelUnavailable
from rag_embed.types import Signature, Spans, TokenRows, Vectors

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Absent:
    """A `protocols.TokenEncoder` that knows its space, and says what to do where it should encode.

    Attributes:
        signature: The space's.
        remedy: Why it is not at hand, and what to pass.
    """

    signature: Signature
    remedy: str

    def encode_query(self, texts: Sequence[str], /) -> Vectors:
        """Always raises ModelUnavailable."""
        self._refuse()

    def encode_document(self, texts: Sequence[str], /) -> Vectors:
        """Always raises ModelUnavailable."""
        self._refuse()

    def encode_query_tokens(
        self, texts: Sequence[str], keep: Callable[[TokenRows], T], /
    ) -> tuple[Vectors, list[T]]:
        """Always raises ModelUnavailable."""
        self._refuse()

    def encode_document_tokens(
        self, texts: Sequence[str], keep: Callable[[TokenRows], T], /
    ) -> tuple[Vectors, list[T]]:
        """Always raises ModelUnavailable."""
        self._refuse()

    def token_spans(self, text: str, /) -> Spans:
        """Always raises ModelUnavailable."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise ModelUnavailable(self.remedy)
