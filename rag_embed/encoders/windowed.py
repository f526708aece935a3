"""`Windows`: a long text is cut up, its windows are encoded by the model as it is.

One vector per text is the mean of its windows. Several vectors per text (max-sim) are what an index of
chunks keeps anyway: `Windows.encode_windows` is for those who keep their own, `Index` with
``group_by="document"`` finds the same documents.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, TypeVar, cast

import numpy as np
import numpy.typing as npt

from rag_embed.encoders.recipe import Recipe, recipe_of
from rag_embed.errors import BadInput
from rag_embed.maths.positions import spans
from rag_embed.maths.vectors import unit
from rag_embed.maths.windowing import novelty, weighted_means
from rag_embed.protocols import Encoder, TokenEncoder
from rag_embed.types import Signature, Spans, TokenRows, Vectors

T = TypeVar("T")

Weights: TypeAlias = Literal["equal", "tokens", "novelty"]

_SLAB = 256
"""Windows whose token vectors are in memory together."""


@dataclass(frozen=True, slots=True)
class Part:
    """One window of a text.

    Attributes:
        text: What the model reads.
        start: Where it begins in the whole text.
        tokens: How many it has, 1 at least.
    """

    text: str
    start: int
    tokens: int


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """A `protocols.Encoder` that averages windows; made by `windows`.

    Attributes:
        encoder: Encodes each window.
        tokens: Tokens of a window.
        overlap: Tokens that a window repeats.
        weights: How windows count.
        centre: ``(dim,)`` taken off every document's vector; see `centred`.
    """

    encoder: Encoder
    tokens: int
    overlap: int = 0
    weights: Weights = "equal"
    centre: npt.NDArray[np.float32] | None = None

    @property
    def signature(self) -> Signature:
        """See `protocols.Encoder`."""
        own = self.encoder.signature
        how = f"{own.pooling}, windows of {self.tokens}, overlap {self.overlap}, {self.weights}"
        if self.centre is not None:
            how += f", centred on {hashlib.sha256(self.centre.tobytes()).hexdigest()[:16]}"
        alike = own.fingerprint if self.centre is None else ""
        return replace(own, pooling=how, max_tokens=2**31 - 1, alike=alike)

    @property
    def recipe(self) -> Recipe | None:
        """How it is made again, where that is known of what it is over."""
        over = recipe_of(self.encoder)
        if over is None:
            return None
        settings = {
            "over": {"kind": over.kind, "settings": dict(over.settings)},
            "tokens": self.tokens,
            "overlap": self.overlap,
            "weights": self.weights,
            "centre": None if self.centre is None else self.centre.tolist(),
        }
        return Recipe("windows", settings, over.files)

    def encode_query(self, texts: Sequence[str], /) -> Vectors:
        """See `protocols.Encoder`; a query is encoded as ever, and is not centred."""
        return self.encoder.encode_query(texts)

    def encode_document(self, texts: Sequence[str], /) -> Vectors:
        """See `protocols.Encoder`."""
        parts = [self.parts(text) for text in texts]
        return self.pooled(self._rows(parts), parts)

    def encode_windows(self, texts: Sequence[str], /) -> tuple[Vectors, npt.NDArray[np.intp]]:
        """Unit rows of all windows, and for each the position of its text.

        Texts in order, windows in reading order, one at least per text. A text's max-sim with a
        query is the largest dot product of its rows.
        """
        parts = [self.parts(text) for text in texts]
        return self._rows(parts), _owners(parts)

    def token_spans(self, text: str, /) -> Spans:
        """See `protocols.Encoder`."""
        return self.encoder.token_spans(text)

    def centred(self, texts: Sequence[str]) -> Windows:
        """This encoder less the mean vector of some typical documents.

        What all documents share makes some of them the nearest to every query (hubness). Vectors
        are another space afterwards, and the signature says so.

        Raises:
            BadInput: Fewer than two texts.
        """
        if len(texts) < 2:
            raise BadInput(f"A mean needs at least two documents, got {len(texts)}.")
        plain = replace(self, centre=None)
        return replace(self, centre=plain.encode_document(texts).mean(axis=0, dtype=np.float32))

    def parts(self, text: str) -> list[Part]:
        """The windows of a text: the whole of it where it fits one."""
        found = self.encoder.token_spans(text)
        if len(found) <= self.tokens:
            return [Part(text, 0, max(1, len(found)))]
        cuts = spans(len(found), self.tokens, self.overlap)
        return [
            Part(text[found[first, 0] : found[last - 1, 1]], int(found[first, 0]), last - first)
            for first, last in cuts
        ]

    def pooled(self, rows: Vectors, parts: Sequence[Sequence[Part]]) -> Vectors:
        """``(n, dim)`` unit rows of ``n`` texts, from the rows of all their windows."""
        sizes = np.array([part.tokens for some in parts for part in some], dtype=np.float64)
        owners = _owners(parts)
        counted = np.ones(len(sizes)) if self.weights == "equal" else sizes
        if self.weights == "novelty" and len(rows):
            starts = np.flatnonzero(np.diff(owners, prepend=-1))
            counted = np.concatenate([novelty(some) for some in np.split(rows, starts[1:])])
        means = weighted_means(rows, counted, owners, len(parts))
        return means if self.centre is None else unit(means - self.centre)

    def _rows(self, parts: Sequence[Sequence[Part]]) -> Vectors:
        return self.encoder.encode_document([part.text for some in parts for part in some])


@dataclass(frozen=True, slots=True, eq=False)
class TokenWindows(Windows):
    """`Windows` over a `protocols.TokenEncoder`, and one itself: a text's tokens are those of its windows.

    A token that two windows read is taken from the first of them.
    """

    def encode_query_tokens(
        self, texts: Sequence[str], keep: Callable[[TokenRows], T], /
    ) -> tuple[Vectors, list[T]]:
        """See `protocols.TokenEncoder`."""
        return cast(TokenEncoder, self.encoder).encode_query_tokens(texts, keep)

    def encode_document_tokens(
        self, texts: Sequence[str], keep: Callable[[TokenRows], T], /
    ) -> tuple[Vectors, list[T]]:
        """See `protocols.TokenEncoder`."""
        encoder = cast(TokenEncoder, self.encoder)
        rows: list[Vectors] = [np.empty((0, self.signature.dim), dtype=np.float32)]
        kept: list[T] = []
        for slab in _slabs([self.parts(text) for text in texts]):
            read = [part.text for some in slab for part in some]
            own, tokens = encoder.encode_document_tokens(read, _same)
            rows.append(self.pooled(own, slab))
            left = iter(tokens)
            kept += [keep(_joined([(part, next(left)) for part in some])) for some in slab]
        return np.concatenate(rows), kept


def windowed(
    encoder: Encoder,
    tokens: int,
    overlap: int,
    weights: Weights,
    centre: npt.NDArray[np.float32] | None = None,
) -> Windows:
    """`Windows` over an encoder; with token vectors where that has them."""
    has_tokens = callable(getattr(encoder, "encode_document_tokens", None))
    return (TokenWindows if has_tokens else Windows)(encoder, tokens, overlap, weights, centre)


def _owners(parts: Sequence[Sequence[Part]]) -> npt.NDArray[np.intp]:
    """For each window the position of its text."""
    return np.repeat(np.arange(len(parts), dtype=np.intp), [len(some) for some in parts])


def _slabs(parts: Sequence[Sequence[Part]]) -> list[list[Sequence[Part]]]:
    slabs: list[list[Sequence[Part]]] = []
    room = 0
    for some in parts:
        if room < len(some):
            slabs.append([])
            room = _SLAB
        slabs[-1].append(some)
        room -= len(some)
    return slabs


def _same(tokens: TokenRows) -> TokenRows:
    return tokens


def _joined(read: Sequence[tuple[Part, TokenRows]]) -> TokenRows:
    """The tokens of all windows of a text, with their places in the text."""
    if len(read) == 1:
        return read[0][1]
    pieces: list[TokenRows] = []
    covered = 0
    for part, tokens in read:
        places = tokens.spans + part.start
        new = places[:, 0] >= covered
        norms = None if tokens.norms is None else tokens.norms[new]
        pieces.append(TokenRows(tokens.ids[new], tokens.rows[new], places[new], norms))
        covered = max([covered, *places[:, 1].tolist()])
    return TokenRows.joined(pieces)
