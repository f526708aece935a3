"""How what is kept is read: one version of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from rag_embed.analysis import Analyzer
from rag_embed.filters import Filter
from rag_embed.maths.frequencies import Frequencies
from rag_embed.maths.moments import Moments
from rag_embed.types import (
    STRANGER,
    Chunk,
    Document,
    Principal,
    Scores,
    Seconds,
    SparseVector,
    TokenBits,
    Vectors,
)


class View(Protocol):
    """An unchanging snapshot of a store: all parts of one search read the same version."""

    def __len__(self) -> int:
        """Number of chunks."""
        ...

    @property
    def private(self) -> bool:
        """Whether any chunk is not for everybody: has an owner, or groups that may read it."""
        ...

    @property
    def grouped(self) -> bool:
        """Whether any chunk names groups that may read it; asked only where there is a private one."""
        ...

    @property
    def analyzer(self) -> Analyzer:
        """Settings of lexical search."""
        ...

    def count(self, whom: Principal = STRANGER, /) -> int:
        """Number of chunks that somebody may read."""
        ...

    def nearest(
        self, space: str, vectors: Vectors, n: int, where: Filter | None, /
    ) -> list[tuple[list[str], Scores]]:
        """Per row: ids of the ``n`` chunks with the largest dot product, and the products."""
        ...

    def lexical(
        self, texts: Sequence[str], n: int, where: Filter | None, /
    ) -> list[tuple[list[str], Scores]]:
        """Per text: ids of the ``n`` best chunks that share a word with it, and their BM25.

        How rare a word is and how long a text, is judged by the shared chunks for a shared chunk, and for
        another one by these and those of the same audience, which the same people may read: nobody's
        score tells of texts that are kept from them.
        """
        ...

    def lexical_scores(self, texts: Sequence[str], ids: Sequence[Sequence[str]], /) -> list[Scores]:
        """Per text: the BM25 of the given chunks, as in `lexical`.

        0 for a chunk that shares no word with the text, or that is not there.
        """
        ...

    def holding(self, words: Sequence[str], ids: Sequence[str], /) -> npt.NDArray[np.bool_]:
        """``(len(words), len(ids))``: does a chunk hold a word, as `Analyzer` cuts them?

        No chunk that is not there holds any.
        """
        ...

    def weighed(
        self, space: str, queries: Sequence[SparseVector], n: int, where: Filter | None, /
    ) -> list[tuple[list[str], Scores]]:
        """Per query: ids of the ``n`` chunks with the largest dot product above 0 in a sparse space.

        Products are taken of the weights that are kept, in float32, term by term in ascending order.
        """
        ...

    def weighed_scores(
        self, space: str, queries: Sequence[SparseVector], ids: Sequence[Sequence[str]], /
    ) -> list[Scores]:
        """Per query: the dot products of the given chunks, as in `weighed`; 0 for one that is not there."""
        ...

    def sparse(self, space: str, ids: Sequence[str], /) -> list[SparseVector]:
        """What is kept of each chunk in a sparse space, in order; weights in half precision.

        Raises:
            BadInput: An id is not in the store, or there is no such sparse space.
        """
        ...

    def vectors(self, space: str, ids: Sequence[str], /) -> Vectors:
        """The stored row of each chunk, in order.

        Raises:
            BadInput: An id is not in the store.
        """
        ...

    def tokens(self, space: str, ids: Sequence[str], /) -> list[TokenBits]:
        """What is kept of each chunk's tokens, in order.

        Raises:
            BadInput: An id is not in the store, or the space keeps no tokens.
        """
        ...

    def frequencies(self, space: str, whom: Principal = STRANGER, /) -> Frequencies:
        """In how many of the chunks that somebody may read each token occurs; maybe over a sample."""
        ...

    def chunks(self, ids: Sequence[str], /) -> list[Chunk]:
        """Those of the chunks that exist, in the order of ``ids``."""
        ...

    def dates(self, name: str, ids: Sequence[str], /) -> Seconds:
        """The values of a declared field of dates; NaN for chunks without one, and for unknown ids.

        Raises:
            BadInput: There is no such field.
        """
        ...

    def document_chunks(self, doc_id: str, /) -> list[Chunk]:
        """All chunks of a document in reading order."""
        ...

    def documents(self, ids: Sequence[str], /) -> list[Document]:
        """Those of the documents that exist, as they were added, in the order of ``ids``."""
        ...

    def passing(self, where: Filter | None, /) -> list[str]:
        """Ids of the chunks that match: documents by id, their chunks in reading order."""
        ...

    def matching(self, where: Filter | None, /) -> list[str]:
        """Ids of the documents with a chunk that matches, sorted."""
        ...

    def moments(self, space: str, whom: Principal = STRANGER, /) -> Moments:
        """Mean and second moment of the vectors of the chunks that somebody may read."""
        ...
