"""Choosing among the places to cut: even chunks, cut where it hurts least."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rag_embed.chunking.breaks import Break, Piece
from rag_embed.chunking.tokens import TokenCounts

_COST = {
    Break.SECTION: 0,
    Break.BLOCK: 5,
    Break.ITEM: 15,
    Break.SENTENCE: 60,
    Break.LINE: 70,
    Break.LEAD: 75,
    Break.CLAUSE: 80,
    Break.WORD: 110,
    Break.TOKEN: 150,
    Break.HEADINGS: 500,
    Break.HEADING: 1000,
}
"""In hundredths of what an empty chunk costs; so half a chunk of free room costs 25."""

_TINY = 50
"""Extra cost, in the same unit, of a chunk that fills less than a quarter of the room."""

_GRAIN = 128


def pack(
    pieces: Sequence[Piece], counts: TokenCounts, budget: int, overlap: int
) -> list[tuple[int, int]]:
    """Join neighbouring pieces into chunks of at most ``budget`` tokens, ``overlap`` included.

    Minimises the sum over chunks of ``((room - tokens) / room) ** 2`` plus the cost of each cut
    and of each tiny chunk, by dynamic programming over the places to cut, as line breaking does
    for a paragraph. Squares make equal chunks cheapest. Integers keep it deterministic.

    Args:
        pieces: Ordered; each has at most ``budget - overlap`` tokens, or ``budget`` where it is kept whole.
        counts: The tokens of the text.
        budget: Tokens a chunk may have.
        overlap: Tokens, in whole pieces, that a chunk may repeat from the end of the one before it.

    Returns:
        Start and end of each chunk, in order.

    References:
        Knuth and Plass, "Breaking Paragraphs into Lines", 1981.
    """
    room = budget - overlap
    pieces = _coalesced(pieces, counts, room)
    starts = np.array([piece[0] for piece in pieces], np.int64)
    ends = np.array([piece[1] for piece in pieces], np.int64)
    before, until = counts.before(starts), counts.until(ends)
    previous = _cheapest(before.tolist(), until.tolist(), [piece[2] for piece in pieces], room)
    chunks: list[tuple[int, int]] = []
    stop = len(pieces)
    while stop > 0:
        first = previous[stop]
        repeat = first
        if overlap and first > 0:
            lowest = previous[first] + 1  # never the whole chunk before
            fits = until[first - 1] - before[lowest:first] <= overlap
            fits &= until[stop - 1] - before[lowest:first] <= budget
            repeat = first - int(np.count_nonzero(fits))
        chunks.append((int(starts[repeat]), int(ends[stop - 1])))
        stop = first
    return chunks[::-1]


def _cheapest(before: list[int], until: list[int], kinds: Sequence[Break], room: int) -> list[int]:
    """For each number of leading pieces: where the last chunk of their cheapest packing starts."""
    n = len(kinds)
    costs = [_COST[kind] * room * room // 100 for kind in kinds]
    if n:
        costs[-1] = 0
    tiny, few = _TINY * room * room // 100, room - room // 4
    best = [0] * (n + 1)
    previous = [0] * (n + 1)
    low = 0
    for stop in range(1, n + 1):
        spare = room - until[stop - 1]
        while low < stop - 1 and spare + before[low] < 0:
            low += 1
        cheapest, choice = -1, low
        for first in range(low, stop):  # few pieces: plain integers are faster than arrays
            free = spare + before[first]
            total = best[first] + free * free + (tiny if free > few else 0)
            if total < cheapest or cheapest < 0:
                cheapest, choice = total, first
        best[stop] = cheapest + costs[stop - 1]
        previous[stop] = choice
    return previous


def _coalesced(pieces: Sequence[Piece], counts: TokenCounts, room: int) -> list[Piece]:
    """Join the smallest pieces, so that the number of choices for a chunk has a bound."""
    grain = max(1, room // _GRAIN)
    before = counts.before(np.array([piece[0] for piece in pieces], np.int64)).tolist()
    until = counts.until(np.array([piece[1] for piece in pieces], np.int64)).tolist()
    joined: list[Piece] = []
    first = 0  # piece with which the last joined one starts
    for i, piece in enumerate(pieces):
        small = grain if joined and joined[-1][2] > Break.BLOCK else max(1, grain // 4)
        if joined and until[i - 1] - before[first] < small and until[i] - before[first] <= room:
            joined[-1] = (joined[-1][0], piece[1], piece[2])
        else:
            joined.append(piece)
            first = i
    return joined
