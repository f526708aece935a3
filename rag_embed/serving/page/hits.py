"""What is shown of a hit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rag_embed.analysis import Analyzer
from rag_embed.indexing.explanation import Explanation
from rag_embed.personal.influence import Moved
from rag_embed.ranking.token_matches import Match, found_words
from rag_embed.serving.page.bars import Scale, Segment
from rag_embed.serving.page.marks import Mark, marks
from rag_embed.serving.page.texts import Block, blocks
from rag_embed.text import printable
from rag_embed.types import Citation, Hit, Route

_SHOWN = 1600
"""Characters of a passage that are shown at once."""

_BEFORE = 200


@dataclass(frozen=True, slots=True)
class Card:
    """A hit as it is shown.

    Attributes:
        hit: The hit.
        title: Title of the document, or its id.
        above: Headings above the passage.
        place: Where it stands, in words.
        fields: Values of the declared fields, as text.
        blocks: The passage.
        cut: Whether only a part of it is shown.
        bar: What the legs add.
        zero: Where nothing is added, in hundredths of the bar.
        words: Words of the question that it holds.
        matches: What its tokens answer.
        terms: Terms that sparse spaces found it by.
        personal: What a history added; None while the index bends no query.
        verdict: What its relevance means.
        link: Where its document is shown; empty where it cannot be.
        collection: The index it is from; empty where there is one only.
    """

    hit: Hit
    title: str
    above: tuple[str, ...]
    place: str
    fields: tuple[tuple[str, str], ...]
    blocks: tuple[Block, ...]
    cut: bool
    bar: tuple[Segment, ...]
    zero: float
    words: tuple[str, ...]
    matches: tuple[Match, ...]
    terms: tuple[str, ...]
    personal: Moved | None
    verdict: str
    link: str = ""
    collection: str = ""


def cards(found: Sequence[Explanation], analyzer: Analyzer, scale: Scale) -> list[Card]:
    """Hits of one index as they are shown."""
    return [_card(one, analyzer, scale) for one in found]


def _card(one: Explanation, analyzer: Analyzer, scale: Scale) -> Card:
    hit, chunk = one.hit, one.hit.chunk
    marked = marks(chunk.text, one.words, analyzer, one.tokens)
    start, end = _window(chunk.text, marked)
    inside = [
        Mark(mark.start - start, mark.end - start, mark.kind, mark.tip)
        for mark in marked
        if start <= mark.start and mark.end <= end
    ]
    title = chunk.title or chunk.doc_id
    return Card(
        hit,
        printable(title),
        tuple(printable(heading) for heading in chunk.headings if heading != title),
        place(Citation.of(chunk), chunk.doc_id),
        (),
        tuple(blocks(chunk.text[start:end], inside, chunk.metadata.get("format"))),
        (start, end) != (0, len(chunk.text)),
        tuple(scale.segments(hit)),
        scale.zero,
        one.words,
        tuple(found_words(one.tokens)) if one.tokens else (),
        tuple(map(str, one.terms[:5])),
        one.personal,
        verdict(hit.relevance),
    )


def place(cited: Citation, id: str) -> str:
    """Where a passage stands, in words; no path of this machine."""
    page = f"{cited.page_kind} {cited.page}, " if cited.page is not None else ""
    return printable(f"{id}, {page}characters {cited.start:,} to {cited.end:,}")


def verdict(relevance: float) -> str:
    """What a relevance means."""
    if relevance >= 0.5:
        return "most likely answers"
    return "may answer" if relevance >= 0.2 else "hardly answers"


def _window(text: str, marked: Sequence[Mark]) -> tuple[int, int]:
    """The part of a long passage that is shown: where the most marks are."""
    if len(text) <= _SHOWN * 1.2:
        return 0, len(text)
    starts = [0, *(max(0, mark.start - _BEFORE) for mark in marked)]

    def held(start: int) -> int:
        return sum(start <= mark.start < start + _SHOWN - _BEFORE for mark in marked)

    start = max(starts, key=lambda one: (held(one), -one))
    start = text.rfind("\n", 0, start) + 1 if start else 0
    end = min(len(text), start + _SHOWN)
    if end < len(text):
        end = max(text.rfind(" ", start + _SHOWN // 2, end), start + _SHOWN // 2)
    return start, end


def shown_fields(known: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """Values of fields as text."""
    return tuple((name, _said(value)) for name, value in known.items() if value is not None)


def _said(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(_said, value))
    return str(value).lower() if isinstance(value, bool) else printable(str(value))


def routed(route: Route | None) -> dict[str, Any] | None:
    """What a router decided, the weights largest first."""
    if route is None:
        return None
    weights = sorted(route.weights.items(), key=lambda one: -one[1])
    return {"confidence": route.confidence, "weights": weights, "pilots": len(route.pilots)}
