"""`Residual` adds one way of situating chunks to another: `DocumentMean`, `Heading`, `late.Late`.

`Headed` adds headings as far as a chunk lacks them.

The sum is one vector in one index: SitEmb's residual (Wu et al., 2025, arXiv 2508.01959), where the first
part says what the chunk says and the second what its document adds.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import ClassVar, Protocol, TypeVar, runtime_checkable

import numpy as np

from rag_embed.errors import BadInput
from rag_embed.maths.pooling import group_means
from rag_embed.maths.vectors import unit
from rag_embed.protocols import ChunkEncoder, Encoder, TokenSpace
from rag_embed.situated.space import (
    asking,
    digest,
    forget_written,
    kept_in,
    shown,
    sources,
    written,
)
from rag_embed.texts import heading
from rag_embed.types import Cut, Document, Signature, TokenRows, Vectors

T = TypeVar("T")

Rows = Callable[[ChunkEncoder], Vectors]
"""Gives the rows of a space, encoded once."""


@runtime_checkable
class Composed(TokenSpace, Protocol):
    """A space whose rows are made of other spaces' rows, each of which is encoded once."""

    @property
    def first(self) -> TokenSpace:
        """The part whose tokens are the chunk's."""
        ...

    def derive(self, rows: Rows, cuts: Sequence[Cut], /) -> Vectors:
        """The rows, from those of the spaces it is made of."""
        ...


@dataclass(frozen=True, slots=True)
class _Derived(ABC):
    """What is made of the rows of one inner space, and shares its queries and tokens."""

    space: TokenSpace
    _name: ClassVar[str]

    @property
    def first(self) -> TokenSpace:
        """See `Composed`."""
        return self.space

    @property
    def encoder(self) -> Encoder:
        """The inner space's."""
        return self.space.encoder

    @property
    def signature(self) -> Signature:
        """See `protocols.ChunkEncoder`."""
        inner = self.space.signature
        return replace(inner, chunks=f"{self._name}({inner.chunks})")

    @property
    def asking(self) -> Signature:
        """Of what reads the queries; see `space.asking`."""
        return asking(self.space)

    @abstractmethod
    def derive(self, rows: Rows, cuts: Sequence[Cut], /) -> Vectors:
        """See `Composed`."""

    def encode_chunks(self, cuts: Sequence[Cut], /) -> Vectors:
        """See `protocols.ChunkEncoder`."""
        return encoded(self, cuts)

    def encode_chunk_tokens(
        self, cuts: Sequence[Cut], keep: Callable[[TokenRows], T], /
    ) -> tuple[Vectors, list[T]]:
        """See `protocols.TokenSpace`; the tokens of the inner space."""
        return _encoded_with_tokens(self, cuts, keep)

    def texts(self, cuts: Sequence[Cut], /) -> list[str]:
        """See `protocols.TokenSpace`."""
        return self.space.texts(cuts)

    def encode_query(self, texts: Sequence[str], /) -> Vectors:
        """See `protocols.ChunkEncoder`."""
        return self.space.encode_query(texts)

    def sources(self, cuts: Sequence[Cut], /) -> list[str] | None:
        """See `protocols.SituatedSpace`: what the inner space reads, and title and headings."""
        above = [heading(chunk) for _, chunks in cuts for chunk in chunks]
        inner = sources(self.space, cuts)
        return inner and [digest(a, b) for a, b in zip(above, inner, strict=True)]

    def written(self, cuts: Sequence[Cut], /) -> list[str] | None:
        """See `protocols.SituatedSpace`."""
        return written(self.space, cuts)

    def shown(self, cuts: Sequence[Cut], /) -> list[str | None]:
        """See `protocols.SituatedSpace`; its tokens are those of the inner space."""
        return shown(self.space, cuts)

    def kept_in(self) -> tuple[str, ...]:
        """See `protocols.SituatedSpace`."""
        return kept_in(self.space)

    def forget(self, user: str, documents: Sequence[Document], /) -> None:
        """See `protocols.SituatedSpace`."""
        forget_written(self.space, user, documents)


@dataclass(frozen=True, slots=True)
class DocumentMean(_Derived):
    """Every chunk gets the mean of its document's chunks. To be added to something else.

    Attributes:
        space: Encodes the chunks. Where a `Residual` holds the same space, it is encoded once.
    """

    _name: ClassVar[str] = "mean"

    def sources(self, cuts: Sequence[Cut], /) -> list[str] | None:
        """See `protocols.SituatedSpace`: all chunks of the document."""
        inner = sources(self.space, cuts)
        if inner is None:
            return None
        left = iter(inner)
        wholes = [digest(*islice(left, len(chunks))) for _, chunks in cuts]
        return [whole for whole, (_, some) in zip(wholes, cuts, strict=True) for _ in some]

    def derive(self, rows: Rows, cuts: Sequence[Cut], /) -> Vectors:
        """See `Composed`."""
        counts = [len(chunks) for _, chunks in cuts]
        return np.repeat(unit(group_means(rows(self.space), counts)), counts, axis=0)


@dataclass(frozen=True, slots=True)
class Heading(_Derived):
    """Every chunk gets the vector of its title and headings alone. To be added to something else.

    Before a long chunk a title is one word in a hundred; added as a vector it has the weight that it
    is given. It costs one short text per section.

    Attributes:
        space: Stands in for chunks without title and headings, so that adding it changes nothing
            there; its encoder encodes the headings.
    """

    _name: ClassVar[str] = "heading"

    def derive(self, rows: Rows, cuts: Sequence[Cut], /) -> Vectors:
        """See `Composed`."""
        texts = [heading(chunk) for _, chunks in cuts for chunk in chunks]
        have = [i for i, text in enumerate(texts) if text.strip()]
        found = rows(self.space).copy()
        if have:
            found[have] = self.space.encoder.encode_document([texts[i] for i in have])
        return found


@dataclass(frozen=True, slots=True)
class Headed(_Derived):
    """``unit(x + weight * (1 - x.h) * h)``, with ``h`` the vector of title and headings.

    A chunk that speaks of its document's subject is near its heading already and gets less of it, one
    that does not, more. So the weight can be large where chunks need their document, and a chunk that
    speaks for itself stays what it is. It costs one short text per section.

    Attributes:
        space: Encodes the chunks; its encoder encodes the headings. A chunk without title and
            headings keeps its vector.
        weight: How much a chunk gets that has nothing of its heading, > 0; finite.

    Raises:
        BadInput: The weight is out of range.
    """

    weight: float
    _name: ClassVar[str] = "headed"

    def __post_init__(self) -> None:
        _check(self, self.weight)

    @property
    def signature(self) -> Signature:
        """See `protocols.ChunkEncoder`."""
        inner = self.space.signature
        return replace(inner, chunks=f"headed({inner.chunks},{float(self.weight)!r})")

    def derive(self, rows: Rows, cuts: Sequence[Cut], /) -> Vectors:
        """See `Composed`."""
        own, above = rows(self.space), rows(Heading(self.space))
        lacking = 1 - (own * above).sum(axis=1, keepdims=True)
        return unit(own + np.float32(self.weight) * lacking * above)


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
        _check(self, self.weight)
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
        return _encoded_with_tokens(self, cuts, keep)

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


def encoded(
    space: ChunkEncoder, cuts: Sequence[Cut], done: dict[ChunkEncoder, Vectors] | None = None
) -> Vectors:
    """Rows of a space, each space that it is made of encoded once.

    Args:
        space: Any.
        cuts: Documents with their chunks.
        done: Rows of these cuts that are known already; what is encoded now is added.
    """
    done = {} if done is None else done

    def rows(one: ChunkEncoder) -> Vectors:
        if one not in done:
            if isinstance(one, Composed):
                done[one] = one.derive(rows, cuts)
            else:
                done[one] = one.encode_chunks(cuts)
        return done[one]

    return rows(space)


def _encoded_with_tokens(
    space: TokenSpace, cuts: Sequence[Cut], keep: Callable[[TokenRows], T]
) -> tuple[Vectors, list[T]]:
    """Rows of a space, and the tokens of the first one that it is made of."""
    first = space
    while isinstance(first, Composed):
        first = first.first
    rows, kept = first.encode_chunk_tokens(cuts, keep)
    return encoded(space, cuts, {first: rows}), kept


def _check(space: ChunkEncoder, weight: float) -> None:
    if not np.isfinite(weight) or weight <= 0:
        raise BadInput(f"{type(space).__name__} needs a finite weight > 0, got {weight!r}.")


def _asks_alike(a: Signature, b: Signature) -> bool:
    return (a.weights, a.query_prompt) == (b.weights, b.query_prompt)
