"""`Residual` adds one way of situating chunks to another: `DocumentMean`, `Heading`, `late.Late`.

The sum is one vector in one index: SitEmb's residual (Wu et al., 2025, arXiv 2508.01959), where the first
part says what the chunk says and the second what its document adds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from rag_embed.errors import BadInput
from rag_embed.maths.vectors import unit
from rag_embed.protocols import ChunkEncoder, Encoder, TokenSpace
from rag_embed.situated.composed import Rows, check_weight, encoded, encoded_with_tokens
from rag_embed.situated.space import (
    asking,
    digest,
    forget_written,
    kept_in,
    shown,
    sources,
    written,
)
from rag_embed.types import Cut, Document, Signature, TokenRows, Vectors

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Residual:
    """``unit(a + weight * b)``; nests. What both parts are made of is encoded once.

    Queries are encoded once where both parts have the same query encoder, and otherwise by both and
    added in the same way, as SitEmb-v1 does with its two models. With tokens (`TokenSpace`) the
    vectors are those of the sum and the tokens are those of ``a``.

    Attributes:
        a: The first part, usually the chunk itself: `titled.Titled`.
        b: What is added: `late.Late`, `DocumentMean`, another `Residual`.
        weight: How much of it, > 0; finite.

    Raises:
        BadInput: The weight is out of range, or the parts have vectors of different lengths.
    """

    a: TokenSpace
    b: ChunkEncoder
    weight: float

    def __post_init__(self) -> None:
        check_weight(self, self.weight)
        dims = self.a.signature.dim, self.b.signature.dim
        if dims[0] != dims[1]:
            raise BadInput(f"Residual adds vectors of one length, got {dims[0]} and {dims[1]}.")

    @property
    def first(self) -> TokenSpace:
        """See `Composed`."""
        return self.a

    @property
    def encoder(self) -> Encoder:
        """The first part's; see `protocols.TokenSpace`."""
        return self.a.encoder

    @property
    def signature(self) -> Signature:
        """See `protocols.ChunkEncoder`; the weights of two models are joined."""
        a, b = self.a.signature, self.b.signature
        inner = f"({b.chunks})" if isinstance(self.b, Residual) else b.chunks
        chunks = f"{a.chunks}+{float(self.weight)!r}*{inner}"
        if a.weights == b.weights:
            return replace(a, chunks=chunks)
        return replace(a, chunks=chunks, weights=f"{a.weights}+{b.weights}", alike="")

    @property
    def asking(self) -> Signature:
        """Of what reads the queries; see `space.asking`."""
        a, b = asking(self.a), asking(self.b)
        return a if _asks_alike(a, b) else replace(a, weights=f"{a.weights}+{b.weights}", alike="")

    def encode_chunks(self, cuts: Sequence[Cut], /) -> Vectors:
        """See `protocols.ChunkEncoder`."""
        return encoded(self, cuts)

    def encode_chunk_tokens(
        self, cuts: Sequence[Cut], keep: Callable[[TokenRows], T], /
    ) -> tuple[Vectors, list[T]]:
        """See `protocols.TokenSpace`; the tokens of ``a``."""
        return encoded_with_tokens(self, cuts, keep)

    def texts(self, cuts: Sequence[Cut], /) -> list[str]:
        """See `protocols.TokenSpace`."""
        return self.a.texts(cuts)

    def derive(self, rows: Rows, cuts: Sequence[Cut], /) -> Vectors:
        """See `Composed`."""
        return unit(rows(self.a) + np.float32(self.weight) * rows(self.b))

    def encode_query(self, texts: Sequence[str], /) -> Vectors:
        """See `protocols.ChunkEncoder`."""
        rows = self.a.encode_query(texts)
        if _asks_alike(asking(self.a), asking(self.b)):
            return rows
        return unit(rows + np.float32(self.weight) * self.b.encode_query(texts))

    def sources(self, cuts: Sequence[Cut], /) -> list[str] | None:
        """See `protocols.SituatedSpace`: what both parts read."""
        first, second = sources(self.a, cuts), sources(self.b, cuts)
        if first is None or second is None:
            return None
        return [digest(a, b) for a, b in zip(first, second, strict=True)]

    def written(self, cuts: Sequence[Cut], /) -> list[str] | None:
        """See `protocols.SituatedSpace`: what the first part writes, or else the second."""
        return written(self.a, cuts) or written(self.b, cuts)

    def shown(self, cuts: Sequence[Cut], /) -> list[str | None]:
        """See `protocols.SituatedSpace`; its tokens are those of ``a``."""
        return shown(self.a, cuts)

    def kept_in(self) -> tuple[str, ...]:
        """See `protocols.SituatedSpace`."""
        return (*kept_in(self.a), *kept_in(self.b))

    def forget(self, user: str, documents: Sequence[Document], /) -> None:
        """See `protocols.SituatedSpace`."""
        forget_written(self.a, user, documents)
        forget_written(self.b, user, documents)


def _asks_alike(a: Signature, b: Signature) -> bool:
    return (a.weights, a.query_prompt) == (b.weights, b.query_prompt)
