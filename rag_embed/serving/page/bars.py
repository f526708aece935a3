"""What each leg adds to each hit, on one scale for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rag_embed.types import DENSE, FRESH, LEXICAL, PHRASE, TOKENS, Hit, Part

ABOUT = {
    DENSE: "meaning: cosine of question and passage",
    LEXICAL: "words: BM25 of the words they share",
    TOKENS: "word by word: each word of the question beside the most similar one of the passage",
    PHRASE: "in quotes: the share of the question's phrases that the passage holds word for word",
    FRESH: "date: 1 for today, half as much after each half-life",
    "behind": "found after better ones were settled",
}
_COLOURS = {DENSE: 1, LEXICAL: 2, TOKENS: 3, "behind": 0}
_MORE = 4
"""The first colour of legs that are none of the index's own."""

_ALL = 8


@dataclass(frozen=True, slots=True)
class Segment:
    """What a leg adds, as a part of a bar.

    Attributes:
        leg: Its name.
        colour: Number of its colour.
        start: Where it starts, in hundredths of the scale.
        width: How long it is.
        part: What the leg said.
    """

    leg: str
    colour: int
    start: float
    width: float
    part: Part


@dataclass(frozen=True, slots=True)
class Scale:
    """One scale for the bars of several hits, from the least that legs take to the most that they add.

    Attributes:
        low: Sum of what legs take from a hit, at most; <= 0.
        high: Sum of what they add to one, at most; >= 0.
    """

    low: float
    high: float

    @classmethod
    def of(cls, hits: Sequence[Hit]) -> Scale:
        """The scale on which all these hits fit."""
        low = min((sum(min(one.contribution, 0.0) for one in hit.parts) for hit in hits), default=0)
        high = max(
            (sum(max(one.contribution, 0.0) for one in hit.parts) for hit in hits), default=0
        )
        return cls(low, high)

    @property
    def zero(self) -> float:
        """Where nothing is added, in hundredths."""
        return self._at(0.0)

    def segments(self, hit: Hit) -> list[Segment]:
        """The bar of a hit: what is added to the right of zero, what is taken to the left of it."""
        found, left, right = [], 0.0, 0.0
        for part in hit.parts:
            value = part.contribution
            begin = left + value if value < 0 else right
            left, right = (begin, right) if value < 0 else (left, right + value)
            width = self._at(begin + abs(value)) - self._at(begin)
            found.append(Segment(part.leg, colour(part.leg), self._at(begin), width, part))
        return found

    def _at(self, value: float) -> float:
        return 100 * (value - self.low) / ((self.high - self.low) or 1.0)


def colour(leg: str) -> int:
    """Number of a leg's colour; always the same for a name."""
    return _COLOURS.get(leg, _MORE + sum(leg.encode()) % (_ALL - _MORE))


def legend(hits: Sequence[Hit]) -> list[tuple[str, int, str]]:
    """The legs of some hits: name, number of the colour, and what they say."""
    names = dict.fromkeys(part.leg for hit in hits for part in hit.parts)
    return [(name, colour(name), ABOUT.get(name, "an expert beside them")) for name in names]
