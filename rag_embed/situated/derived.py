"""What a document adds to its chunks, derived from their own rows: `DocumentMean`, `Heading`.

`Headed` adds headings as far as a chunk lacks them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import ClassVar, TypeVar

import numpy as np

from rag_embed.maths.pooling import group_means
from rag_embed.maths.vectors import unit
from rag_embed.protocols import Encoder, TokenSpace
from rag_embed.situated.composed import Rows, check_weight, encoded, encoded_with_tokens
from rag_embed.situated.space import Around, digest, sources
from rag_embed.texts import heading
from rag_embed.types import Cut, Signature, TokenRows, Vectors

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Derived(Around, ABC):
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
        return encoded_with_tokens(self, cuts, keep)

    def texts(self, cuts: Sequence[Cut], /) -> list[str]:
        """See `protocols.TokenSpace`."""
        return self.space.texts(cuts)

    def sources(self, cuts: Sequence[Cut], /) -> list[str] | None:
        """See `protocols.SituatedSpace`: what the inner space reads, and title and headings."""
        above = [heading(chunk) for _, chunks in cuts for chunk in chunks]
        inner = sources(self.space, cuts)
        return inner and [digest(a, b) for a, b in zip(above, inner, strict=True)]


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
        check_weight(self, self.weight)

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
