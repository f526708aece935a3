"""Any function that embeds texts as an encoder: a hosted model's, or another library's."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from rag_embed.arguments import count
from rag_embed.encoders.batching import encoded_once
from rag_embed.encoders.remade import Remade
from rag_embed.encoders.word_tokens import word_spans
from rag_embed.errors import BadInput
from rag_embed.maths.vectors import unit
from rag_embed.types import Signature, Spans, Vectors

Embed: TypeAlias = Callable[[list[str]], Sequence[Sequence[float]]]
"""One vector per text, all of one length."""


class FunctionEncoder(Remade):
    """Functions as an encoder.

    Nothing is known of the model's tokens: chunks are measured in words and punctuation marks.

    Args:
        documents: Embeds documents.
        queries: Embeds queries; the same function when left out.
        name: Identity of the model, kept in the index: vectors of two names are never compared.
        max_tokens: Tokens the model reads.

    Raises:
        BadInput: The name is empty, or ``max_tokens`` is not positive.

    Examples:
        >>> encoder = FunctionEncoder(lambda texts: [[len(t), 1.0] for t in texts], name="length")
        >>> encoder.encode_query(["fox", "a whale"]).shape
        (2, 2)
    """

    def __init__(
        self,
        documents: Embed,
        queries: Embed | None = None,
        *,
        name: str,
        max_tokens: int = 8192,
    ) -> None:
        if not name:
            raise BadInput("FunctionEncoder needs a name: the index keeps it as the model's.")
        self.name = name
        self.max_tokens = count("max_tokens", max_tokens)
        self._documents = documents
        self._queries = queries or documents

    def __reduce__(self) -> tuple[Any, ...]:
        try:
            pickle.dumps(self._make)
        except Exception as error:  # whatever the functions hold may raise anything
            raise BadInput(
                f"The encoder {self.name!r} cannot be pickled: {error}. Make it of functions at the "
                "top level of a module; or open the index in the other process, with "
                "Index.open(path, encoder=...)."
            ) from error
        return super().__reduce__()

    @cached_property
    def signature(self) -> Signature:
        """See `protocols.Encoder`; the first time one short text is embedded for the dimension."""
        dim = self._embedded(self._documents, ["dimension"], None).shape[1]
        return Signature(self.name, self.name, dim, self.max_tokens, pooling="unknown")

    def encode_query(self, texts: Sequence[str], /) -> Vectors:
        """See `protocols.Encoder`.

        Raises:
            BadInput: The function did not return one finite vector per text.
        """
        return self._rows(self._queries, texts)

    def encode_document(self, texts: Sequence[str], /) -> Vectors:
        """See `protocols.Encoder`.

        Raises:
            BadInput: The function did not return one finite vector per text.
        """
        return self._rows(self._documents, texts)

    def token_spans(self, text: str, /) -> Spans:
        """See `protocols.Encoder`: words and punctuation marks."""
        return word_spans(text)

    def _rows(self, embed: Embed, texts: Sequence[str]) -> Vectors:
        dim = self.signature.dim
        return encoded_once(texts, dim, lambda some: self._embedded(embed, some, dim))

    def _embedded(self, embed: Embed, texts: list[str], dim: int | None) -> Vectors:
        found = embed(texts)
        expected = f"{len(texts)} vectors of {dim or 'some'} numbers, one per text"
        try:
            with np.errstate(over="ignore"):  # what is too large becomes infinite and is told below
                rows = np.array(found, dtype=np.float32)
        except (TypeError, ValueError) as error:
            raise BadInput(f"{self.name}: expected {expected}, got none: {error}.") from error
        if rows.ndim != 2 or len(rows) != len(texts) or rows.shape[1] != (dim or rows.shape[1]):
            raise BadInput(f"{self.name}: expected {expected}, got an array of {rows.shape}.")
        if not rows.size or not np.isfinite(rows).all():
            raise BadInput(f"{self.name}: a vector is empty or holds NaN or infinity.")
        return unit(rows)
