"""`windows`: a long text is cut up, its windows are encoded by the model as it is.

One vector per text is the mean of its windows. Several vectors per text (max-sim) are what an index of
chunks keeps anyway: `Windows.encode_windows` is for those who keep their own, `Index` with
``group_by="document"`` finds the same documents.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, cast, get_args

import numpy as np
import numpy.typing as npt
from sentence_transformers import SentenceTransformer

from rag_embed import encoders
from rag_embed.encoders.sentence import SentenceEncoder
from rag_embed.errors import BadInput
from rag_embed.maths.positions import spans
from rag_embed.maths.vectors import unit
from rag_embed.maths.windowing import novelty, weighted_means
from rag_embed.protocols import Encoder
from rag_embed.types import Signature, Spans, Vectors

Weights: TypeAlias = Literal["equal", "tokens", "novelty"]

_SPECIAL = 2
_MARGIN = 8
"""A window that begins inside a word can have a few tokens more when it stands alone."""


def windows(
    model: SentenceTransformer | Encoder | str,
    tokens: int | None = None,
    *,
    overlap: int = 0,
    weights: Weights = "equal",
) -> Windows:
    """An encoder that reads texts of any length as the mean of their windows.

    The parallel context windows of LongEmbed (Zhu et al., EMNLP 2024): linear in the length, for any
    model, the vector of a text of one window unchanged.

    Args:
        model: A model, an encoder, or the name or path of a model.
        tokens: Tokens of a window, special tokens left out; what the model reads by default.
        overlap: Tokens that a window repeats from the one before.
        weights: ``"equal"``; ``"tokens"`` lets a window count by its tokens; ``"novelty"`` lets it
            count by how far it is from the text's mean, so that what is said once is not drowned
            by what is repeated (`maths.windowing.novelty`; not from the paper).

    Raises:
        BadInput: A number is out of range.
        ModelUnavailable: The model cannot be loaded.

    Examples:
        >>> from rag_embed.encoders import HashEncoder
        >>> encoder = windows(HashEncoder(), 3)
        >>> encoder.encode_document(["a b c d e f", "a b c"]).shape
        (2, 256)
        >>> rows, owners = encoder.encode_windows(["a b c d e f", "a b c"])
        >>> owners.tolist()
        [0, 0, 1]
    """
    if weights not in get_args(Weights):
        raise BadInput(f"weights must be one of {list(get_args(Weights))}, got {weights!r}.")
    encoder = _encoder(model)
    signature = encoder.signature
    prompt = len(encoder.token_spans(signature.document_prompt))
    room = signature.max_tokens - _SPECIAL - _MARGIN - prompt
    size = max(1, room) if tokens is None else tokens
    spans(0, size, overlap)  # complains if they are out of range
    if size > max(1, signature.max_tokens - _SPECIAL - prompt):
        raise BadInput(
            f"A window of {size} tokens does not fit the model, which reads "
            f"{signature.max_tokens - _SPECIAL - prompt} beside special tokens and its prompt."
        )
    return Windows(encoder, size, overlap, weights)


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
        return replace(own, pooling=how, max_tokens=2**31 - 1)

    def encode_query(self, texts: Sequence[str], /) -> Vectors:
        """See `protocols.Encoder`; a query is encoded as ever, and is not centred."""
        return self.encoder.encode_query(texts)

    def encode_document(self, texts: Sequence[str], /) -> Vectors:
        """See `protocols.Encoder`."""
        rows, owners, sizes = self._encoded(texts)
        counted = np.ones(len(sizes)) if self.weights == "equal" else sizes
        if self.weights == "novelty" and len(rows):
            starts = np.flatnonzero(np.diff(owners, prepend=-1))
            counted = np.concatenate([novelty(some) for some in np.split(rows, starts[1:])])
        means = weighted_means(rows, counted, owners, len(texts))
        return means if self.centre is None else unit(means - self.centre)

    def encode_windows(self, texts: Sequence[str], /) -> tuple[Vectors, npt.NDArray[np.intp]]:
        """Unit rows of all windows, and for each the position of its text.

        Texts in order, windows in reading order, one at least per text. A text's max-sim with a
        query is the largest dot product of its rows.
        """
        rows, owners, _ = self._encoded(texts)
        return rows, owners

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

    def _encoded(
        self, texts: Sequence[str]
    ) -> tuple[Vectors, npt.NDArray[np.intp], npt.NDArray[np.float64]]:
        parts: list[str] = []
        owners: list[int] = []
        sizes: list[int] = []
        for i, text in enumerate(texts):
            for part, size in self._parts(text):
                parts.append(part)
                owners.append(i)
                sizes.append(size)
        rows = self.encoder.encode_document(parts)
        return rows, np.array(owners, dtype=np.intp), np.array(sizes, dtype=np.float64)

    def _parts(self, text: str) -> list[tuple[str, int]]:
        """The windows of a text, and how many tokens each has (1 at least, to count)."""
        found = self.encoder.token_spans(text)
        if len(found) <= self.tokens:
            return [(text, max(1, len(found)))]
        return [
            (text[found[first, 0] : found[last - 1, 1]], last - first)
            for first, last in spans(len(found), self.tokens, self.overlap)
        ]


def _encoder(model: SentenceTransformer | Encoder | str) -> Encoder:
    if isinstance(model, str):
        return encoders.load(model)
    if isinstance(model, SentenceTransformer):
        return cast(Encoder, SentenceEncoder.wrap(model))
    return model
