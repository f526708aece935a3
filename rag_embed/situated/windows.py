"""Windows of a document that a model reads, and where in them each chunk is read from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from rag_embed.maths import pooling
from rag_embed.types import Chunk, Document, Spans

_SLACK = 16
"""Tokens by which the ends of a window are moved to white space: cut inside a word, a text has other
tokens there than the document."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a window whose tokens belong to a chunk.

    Attributes:
        chunk: Position of the chunk among those of its document.
        start: First character, in the window's text.
        end: Character after the last.
        begins: Character of the chunk that the piece begins at.
        last: Whether the chunk has no further piece.
    """

    chunk: int
    start: int
    end: int
    begins: int
    last: bool


@dataclass(frozen=True, slots=True)
class Window:
    """What a model reads at once.

    Attributes:
        text: The head, and a part of the document.
        head: Characters of the head.
        tokens: Tokens of the part of the document.
        pieces: What is read from it. A chunk that fits into a window is one piece, of the window in
            which it is most central; a longer one is several, in order.
    """

    text: str
    head: int
    tokens: int
    pieces: tuple[Piece, ...]

    def only(self, piece: Piece) -> bool:
        """Whether there is nothing in the window but its head and this piece."""
        return (piece.start, piece.end) == (self.head, len(self.text))


def windows(
    document: Document,
    chunks: Sequence[Chunk],
    spans: Spans,
    size: int,
    overlap: int,
    head: str = "",
) -> list[Window]:
    """Windows over a document, each with the pieces that are read from it.

    Windows that nothing is read from are left out, and so are chunks without a token.

    Args:
        document: The whole of it.
        chunks: Of this document, by offsets; they may overlap, and leave gaps.
        spans: ``(n, 2)`` characters of the document's tokens.
        size: Tokens of a window at most, those of ``head`` not counted.
        overlap: Tokens that neighbouring windows share at least.
        head: Put before the text of each window.

    Examples:
        >>> from rag_embed.encoders.word_tokens import word_spans
        >>> document = Document("d", "one two three four")
        >>> chunks = [Chunk.of(document, 0, 7), Chunk.of(document, 8, 18)]
        >>> for window in windows(document, chunks, word_spans(document.text), 100, 0):
        ...     print([window.text[one.start : one.end] for one in window.pieces])
        ['one two', 'three four']
    """
    if not len(spans):
        return []
    among = _at_words(document.text, spans, size, overlap)
    starts = np.array([chunk.start for chunk in chunks], dtype=np.int64)
    ends = np.array([chunk.end for chunk in chunks], dtype=np.int64)
    pieces: list[list[Piece]] = [[] for _ in among]
    for one in _read_from(pooling.touching(starts, ends, spans), among):
        chunk = chunks[one.chunk]
        offset = len(head) - int(spans[among[one.window, 0], 0])
        start = max(int(spans[one.first, 0]), chunk.start)
        end = min(int(spans[one.after - 1, 1]), chunk.end)
        pieces[one.window].append(
            Piece(one.chunk, start + offset, end + offset, start - chunk.start, one.last)
        )
    return [
        Window(
            head + document.text[spans[first, 0] : spans[after - 1, 1]],
            len(head),
            after - first,
            tuple(some),
        )
        for (first, after), some in zip(among.tolist(), pieces, strict=True)
        if some
    ]


@dataclass(frozen=True, slots=True)
class _Read:
    """Tokens ``[first, after)`` of the document belong to a chunk and are read in a window."""

    chunk: int
    window: int
    first: int
    after: int
    last: bool


def _read_from(ranges: Spans, among: Spans) -> list[_Read]:
    """By chunk, then in reading order."""
    found: list[_Read] = []
    whole = pooling.most_central(ranges, among)
    for chunk, ((first, after), at) in enumerate(zip(ranges.tolist(), whole.tolist(), strict=True)):
        if first == after:
            continue
        if at >= 0:
            found.append(_Read(chunk, at, first, after, last=True))
            continue
        tokens = np.arange(first, after)
        each = pooling.most_central(np.stack([tokens, tokens + 1], axis=1), among)
        edges = [0, *(np.flatnonzero(np.diff(each)) + 1).tolist(), len(tokens)]
        for start, end in pairwise(edges):
            last = end == len(tokens)
            found.append(_Read(chunk, int(each[start]), first + start, first + end, last))
    return found


def _at_words(text: str, spans: Spans, size: int, overlap: int) -> Spans:
    """Windows whose inner ends lie at white space, where there is some."""
    if len(spans) <= size:
        return np.array([[0, len(spans)]], dtype=np.int64)
    slack = min(_SLACK, (size - overlap) // 4)
    among = pooling.windows(len(spans), size - slack, overlap)
    for one in among:
        for end in (0, 1):
            if one[end] < len(spans):
                one[end] = _word_before(text, spans, int(one[end]), slack)
    return among


def _word_before(text: str, spans: Spans, at: int, slack: int) -> int:
    """The token at or before ``at`` that follows white space; ``at`` if none is near."""
    for token in range(at, max(at - slack, 0), -1):
        if text[spans[token, 0] - 1 : spans[token, 0]].isspace():
            return token
    return at
