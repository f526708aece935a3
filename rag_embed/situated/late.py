"""`Late` encodes windows of the whole document and pools each chunk's tokens out of them.

Late chunking (Günther et al., 2024, arXiv 2409.04701). By itself it loses to the chunk alone where the
chunk says what it is about; it is made to be the second part of a `residual.Residual`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from rag_embed.arguments import set_counts
from rag_embed.errors import BadInput
from rag_embed.maths.pooling import group_means, touching
from rag_embed.maths.vectors import unit
from rag_embed.protocols import TokenEncoder
from rag_embed.situated.space import digest
from rag_embed.situated.windows import Piece, Window, windows
from rag_embed.texts import titled
from rag_embed.types import Chunk, Cut, Document, Signature, TokenRows, Vectors

T = TypeVar("T")

_SPECIAL = 2
"""Tokens that models put around a text."""

_SLAB = 32_768
"""Tokens whose states are in memory at once: 50 MB for 384 dimensions, however long a document."""


@dataclass(frozen=True, slots=True)
class Late:
    """A chunk's vector is the mean of its tokens' states, computed with the document around them.

    A window that is one chunk and nothing else is pooled as the model pools it, so that a document
    of one chunk has its isolated vector. A chunk without a token is encoded by its title.

    Attributes:
        encoder: Gives the states of tokens.
        window: Tokens that the model reads at once; all it can when None.
        overlap: Tokens that neighbouring windows share at least; a quarter of the window when None.
        titled: Put the document's title before each window.

    Raises:
        BadInput: The encoder gives no token vectors, or the windows do not fit it.
    """

    encoder: TokenEncoder
    window: int | None = None
    overlap: int | None = None
    titled: bool = False

    def __post_init__(self) -> None:
        set_counts(self, 1, "window")
        set_counts(self, 0, "overlap")
        if not isinstance(self.encoder, TokenEncoder):
            raise BadInput(
                f"{type(self.encoder).__name__} gives no token vectors, which late chunking "
                "needs. Use a sentence-transformers model, or another way to situate chunks."
            )
        most = self.encoder.signature.max_tokens
        if not 0 <= self._overlap < self._size // 2 or self._size > most:
            raise BadInput(
                f"Late needs a window of at most {most} tokens, which the model reads, and an "
                f"overlap below half of it, got {self._size} and {self._overlap}."
            )

    @property
    def _size(self) -> int:
        return self.encoder.signature.max_tokens if self.window is None else self.window

    @property
    def _overlap(self) -> int:
        return self._size // 4 if self.overlap is None else self.overlap

    @property
    def signature(self) -> Signature:
        """See `protocols.ChunkEncoder`."""
        settings = f"{self._size},{self._overlap}{',titled' if self.titled else ''}"
        return replace(self.encoder.signature, chunks=f"late({settings})")

    def encode_chunks(self, cuts: Sequence[Cut], /) -> Vectors:
        """See `protocols.ChunkEncoder`."""
        return self.encode_chunk_tokens(cuts, lambda _: None)[0]

    def encode_query(self, texts: Sequence[str], /) -> Vectors:
        """See `protocols.ChunkEncoder`."""
        return self.encoder.encode_query(texts)

    def encode_chunk_tokens(
        self,
        cuts: Sequence[Cut],
        keep: Callable[[TokenRows], T],
        /,
    ) -> tuple[Vectors, list[T]]:
        """See `protocols.TokenSpace`; the tokens are those of the windows, document around them."""
        chunks = [chunk for _, some in cuts for chunk in some]
        rows = np.empty((len(chunks), self.encoder.signature.dim), dtype=np.float32)
        kept: dict[int, T] = {}
        begun: dict[int, list[TokenRows]] = {}
        for slab in _slabs(self._windows(cuts)):
            texts = [window.text for _, window in slab]
            whole, read = self.encoder.encode_document_tokens(texts, _same)
            for (base, window), row, tokens in zip(slab, whole, read, strict=True):
                for piece in window.pieces:
                    at = base + piece.chunk
                    begun.setdefault(at, []).append(_part(tokens, piece))
                    if piece.last:
                        parts = begun.pop(at)
                        alone = len(parts) == 1 and window.only(piece)
                        tokens_of = TokenRows.joined(parts)
                        rows[at] = row if alone else _mean(tokens_of)
                        kept[at] = keep(tokens_of)
        rest = [i for i in range(len(chunks)) if i not in kept]
        if rest:
            texts = [titled(chunks[i]) for i in rest]
            rows[rest], some = self.encoder.encode_document_tokens(texts, _nothing)
            kept |= {i: keep(one) for i, one in zip(rest, some, strict=True)}
        return rows, [kept[i] for i in range(len(chunks))]

    def texts(self, cuts: Sequence[Cut], /) -> list[str]:
        """See `protocols.TokenSpace`: a chunk's tokens have places in the chunk."""
        return [chunk.text for _, chunks in cuts for chunk in chunks]

    def sources(self, cuts: Sequence[Cut], /) -> list[str] | None:
        """See `protocols.SituatedSpace`: the windows that a chunk is read from, and where."""
        return [one for document, chunks in cuts for one in self._sources(document, chunks)]

    def written(self, cuts: Sequence[Cut], /) -> list[str] | None:
        """See `protocols.SituatedSpace`; nothing is written here."""
        return None

    def shown(self, cuts: Sequence[Cut], /) -> list[str | None]:
        """See `protocols.SituatedSpace`."""
        return list(self.texts(cuts))

    def kept_in(self) -> tuple[str, ...]:
        """See `protocols.SituatedSpace`; nothing is kept here."""
        return ()

    def forget(self, user: str, documents: Sequence[Document], /) -> None:
        """See `protocols.SituatedSpace`; nothing is kept here."""

    def _sources(self, document: Document, chunks: Sequence[Chunk]) -> list[str]:
        """Of one document; a chunk without a token has its title."""
        read: list[list[str | int]] = [[] for _ in chunks]
        for window in self.windows_of(document, chunks):
            text = digest(window.text, window.head)
            for piece in window.pieces:
                read[piece.chunk] += [text, piece.start, piece.end, piece.begins]
        return [digest(*(some or [titled(one)])) for some, one in zip(read, chunks, strict=True)]

    def windows_of(self, document: Document, chunks: Sequence[Chunk]) -> list[Window]:
        """What is put to the encoder for a document, and what is read from it."""
        head = f"{document.title}\n" if self.titled and document.title else ""
        taken = len(self.encoder.token_spans(self.encoder.signature.document_prompt + head))
        size = max(self._size - _SPECIAL - taken, self._size // 2)
        spans = self.encoder.token_spans(document.text)
        return windows(document, chunks, spans, size, min(self._overlap, size // 2), head)

    def _windows(self, cuts: Sequence[Cut]) -> Iterator[tuple[int, Window]]:
        """Windows of all documents, with the position of the document's first chunk."""
        base = 0
        for document, chunks in cuts:
            for window in self.windows_of(document, chunks):
                yield base, window
            base += len(chunks)


def _slabs(planned: Iterator[tuple[int, Window]]) -> Iterator[list[tuple[int, Window]]]:
    slab: list[tuple[int, Window]] = []
    tokens = 0
    for one in planned:
        slab.append(one)
        tokens += one[1].tokens
        if tokens >= _SLAB:
            yield slab
            slab, tokens = [], 0
    if slab:
        yield slab


def _same(tokens: TokenRows) -> TokenRows:
    return tokens


def _nothing(tokens: TokenRows) -> TokenRows:
    """No token; those of a title belong to no chunk."""
    return TokenRows(tokens.ids[:0], tokens.rows[:0], tokens.spans[:0])


def _part(tokens: TokenRows, piece: Piece) -> TokenRows:
    """The tokens of a piece, with their places in the chunk."""
    edges = np.array([piece.start, piece.end], dtype=np.int64)
    [[first, after]] = touching(edges[:1], edges[1:], tokens.spans).tolist()
    spans = np.clip(tokens.spans[first:after], *edges) - piece.start + piece.begins
    norms = None if tokens.norms is None else tokens.norms[first:after]
    return TokenRows(tokens.ids[first:after], tokens.rows[first:after], spans, norms)


def _mean(tokens: TokenRows) -> Vectors:
    """``(dim,)`` the mean state, of length 1."""
    rows = tokens.rows if tokens.norms is None else tokens.rows * tokens.norms[:, None]
    mean: Vectors = unit(group_means(rows, [len(rows)]))[0]
    return mean
