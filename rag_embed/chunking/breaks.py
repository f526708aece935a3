# ruff: noqa: RUF001 - punctuation of many scripts is meant
"""Where a text may be cut, how bad a cut there is, and the smallest pieces between the cuts."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Container, Iterator, Sequence
from enum import IntEnum

import numpy as np

from rag_embed.chunking.graphemes import safe_cut
from rag_embed.chunking.outline import Block, Outline, Table
from rag_embed.chunking.sentences import sentence_starts
from rag_embed.chunking.tokens import TokenCounts


class Break(IntEnum):
    """Kinds of places to cut at, best first."""

    SECTION = 0
    BLOCK = 1
    ITEM = 2
    SENTENCE = 3
    LINE = 4
    LEAD = 5
    """Between ``the following:`` and what follows."""
    CLAUSE = 6
    WORD = 7
    TOKEN = 8
    HEADINGS = 9
    """Between a heading without text of its own and the next one."""
    HEADING = 10
    """Between a heading and its text, or the head of a table and its first row."""


_LINE = r"(?:\r\n?|\n)"
# Patterns that begin with a set of characters are not tried at others.
_BLOCKS = re.compile(
    rf"[\r\n\f\u2029](?:(?<=[\r\n])(?:(?<=\r)\n)?[^\S\r\n]*{_LINE}|(?<=[\f\u2029]))\s*"
)
_ITEM = r"[^\S\r\n]*(?=(?:[-*+•‣▪–]|\d{1,3}[.)]|\(?[A-Za-z]\))[^\S\r\n]|\|)"
_FIRST_ITEM = re.compile(rf"(?:^|(?<=[\r\n])){_ITEM}")
_ITEMS = re.compile(rf"[\r\n]{_ITEM}")
_LINES = re.compile(rf"{_LINE}\s*")
_CLAUSES = re.compile(r"[.!?;:,]\s+(?=\S)|[，、；：](?=\S)")
_SPACES = re.compile(r"\s+")
_CLOSES_BLOCK = "})]"

Piece = tuple[int, int, Break]
"""Start, end and what lies after it; no white space at its ends."""


def pieces(
    text: str, start: int, end: int, outline: Outline, counts: TokenCounts, budget: int, whole: int
) -> list[Piece]:
    """Cut ``text[start:end]`` at every place better than a line end, and further where needed.

    A block of code or a table that fits a chunk is one piece; so are comments and tags of HTML, unless
    that parted them from their heading.

    Args:
        text: The whole text.
        start: Offset of the first character.
        end: Offset after the last one.
        outline: Its sections, code and tables.
        counts: Its tokens.
        budget: Tokens a piece may have. A single character that has more stays one piece.
        whole: Tokens that a block of code or a table may have to be kept whole.

    Returns:
        Ordered pieces that hold all visible characters.
    """
    blocks = outline.blocks(start, end)
    sizes = _sizes([block[:2] for block in blocks], counts)
    kept = {
        _visible(text, block[0])
        for block, size in zip(blocks, sizes, strict=True)
        if size <= whole and not outline.source
    }
    loose = {_visible(text, block[0]) for block in blocks if block[0] in outline.markup}
    cuts = _structure(text, start, end, outline, blocks, kept)
    found: list[Piece] = []
    coarse = list(_between(text, start, end, cuts))
    above = own = (
        0  # tokens of the headings that the next piece must not be parted from, of the last one
    )
    for piece, size in zip(coarse, _sizes(coarse, counts), strict=True):
        if piece[0] in kept and 0 < own <= whole - size:
            found[-1] = found[-1][0], *piece[1:]
        elif (piece[0] in kept and not (own and piece[0] in loose)) or size + above <= budget:
            found.append(piece)
        else:
            found.extend(_refined(text, *piece, counts, max(budget - above, -(-budget // 2))))
        own = size if piece[2] >= Break.HEADINGS else 0
        above = own and (above + own if above + own <= budget // 2 else own)
    return found


def _sizes(pieces: Sequence[Piece | tuple[int, int]], counts: TokenCounts) -> list[int]:
    starts = np.array([piece[0] for piece in pieces], np.int64)
    ends = np.array([piece[1] for piece in pieces], np.int64)
    sizes: list[int] = (counts.until(ends) - counts.before(starts)).tolist()
    return sizes


def _structure(
    text: str,
    start: int,
    end: int,
    outline: Outline,
    blocks: Sequence[Block],
    kept: Container[int],
) -> dict[int, Break]:
    """First visible character after a cut -> kind of the cut; those inside sentences aside."""
    cuts: dict[int, Break] = {}
    position = start
    for first, last, table in blocks:
        _prose(text, position, first, cuts)
        if _visible(text, first) in kept:
            cuts[_visible(text, first)] = Break.BLOCK
        elif table is None:
            _verbatim(text, first, last, outline.source, cuts)
        else:
            _rows(text, first, last, table, cuts)
        position = last
    _prose(text, position, end, cuts)
    inside = slice(
        bisect_left(outline.sections, start, key=lambda item: item.start),
        bisect_left(outline.sections, end, key=lambda item: item.start),
    )
    for section in outline.sections[inside]:
        offset = _visible(text, section.start)
        cuts[offset] = Break.HEADINGS if cuts.get(offset) is Break.HEADING else Break.SECTION
        if section.body > section.start:
            cuts[_visible(text, section.body)] = Break.HEADING
    return cuts


def _prose(text: str, start: int, end: int, cuts: dict[int, Break]) -> None:
    for offset in sentence_starts(text, start, end):
        cuts[offset] = Break.SENTENCE
    if first := _FIRST_ITEM.match(text, start, end):
        cuts[first.end()] = Break.ITEM
    for match in _ITEMS.finditer(text, start, end):
        cuts[match.end()] = Break.ITEM
    for match in _BLOCKS.finditer(text, start, end):
        cuts[match.end()] = Break.BLOCK
    cuts[_visible(text, start)] = Break.BLOCK


def _verbatim(text: str, start: int, end: int, source: bool, cuts: dict[int, Break]) -> None:
    for match in _LINES.finditer(text, start, end):
        cuts[match.end()] = Break.LINE
    for match in _BLOCKS.finditer(text, start, end):
        offset = match.end()
        at_margin = text[offset - 1] in "\r\n" and text[offset : offset + 1] not in _CLOSES_BLOCK
        cuts[offset] = Break.BLOCK if source and at_margin else Break.ITEM
    cuts[_visible(text, start)] = Break.BLOCK


def _rows(text: str, start: int, end: int, table: Table, cuts: dict[int, Break]) -> None:
    for match in _LINES.finditer(text, max(start, table.body - 1), end):
        cuts[match.end()] = Break.ITEM
    if table.body > start:
        cuts[_visible(text, table.body)] = Break.HEADING
    cuts[_visible(text, start)] = Break.BLOCK


def _visible(text: str, offset: int) -> int:
    match = _SPACES.match(text, offset)
    return match.end() if match else offset


def _between(
    text: str, start: int, end: int, cuts: dict[int, Break], last: Break = Break.BLOCK
) -> Iterator[Piece]:
    """The visible parts between cuts; the cut after the last one is of kind ``last``."""
    inner = sorted(offset for offset in cuts if start < offset < end)
    for first, stop in zip([start, *inner], [*inner, end], strict=True):
        piece = text[first:stop]
        visible = piece.strip()
        if visible:
            first += len(piece) - len(piece.lstrip())
            kind = cuts[stop] if stop < end else last
            if Break.SECTION < kind <= Break.ITEM and visible[-1] == ":":
                kind = Break.LEAD
            yield first, first + len(visible), kind


def _refined(
    text: str, start: int, end: int, last: Break, counts: TokenCounts, budget: int
) -> Iterator[Piece]:
    """Cut a piece that has too many tokens: at line ends, then at clauses, then at words."""
    found: list[Piece] = [(start, end, last)]
    for kind, pattern in ((Break.LINE, _LINES), (Break.CLAUSE, _CLAUSES)):
        finer: list[Piece] = []
        for piece, size in zip(found, _sizes(found, counts), strict=True):
            if size <= budget:
                finer.append(piece)
            else:
                a, b, after = piece
                cuts = {match.end(): kind for match in pattern.finditer(text, a, b)}
                finer.extend(_between(text, a, b, cuts, after))
        found = finer
    for piece, size in zip(found, _sizes(found, counts), strict=True):
        if size <= budget:
            yield piece
        else:
            yield from _words(text, *piece, counts, budget)


def _words(
    text: str, start: int, end: int, last: Break, counts: TokenCounts, budget: int
) -> Iterator[Piece]:
    """Equal parts of a piece without punctuation, between words where one ends in time."""
    spaces = [match.start() for match in _SPACES.finditer(text, start, end)]
    while True:
        tokens = counts.between(start, end)
        reach = counts.reach(start, budget)
        if tokens <= budget or reach is None or reach >= end:
            yield start, end, last
            return
        even = counts.reach(start, -(-tokens // -(-tokens // budget)))
        target = min(reach, even if even is not None else reach)
        nth = bisect_right(spaces, target) - 1
        if nth >= 0 and spaces[nth] > start:
            stop, kind = spaces[nth], Break.WORD
        else:
            stop, kind = safe_cut(text, start, target), Break.TOKEN
        yield start, stop, kind
        start = _visible(text, stop)
