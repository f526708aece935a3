"""What is shown of a hit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rag_embed.analysis import Analyzer
from rag_embed.indexing.explanation import Explanation
from rag_embed.indexing.marks import marks, window, within
from rag_embed.personal.influence import Moved
from rag_embed.ranking.relevance import meaning
from rag_embed.ranking.token_matches import Match, found_words
from rag_embed.serving.page.bars import Scale, Segment
from rag_embed.serving.page.texts import Block, blocks
from rag_embed.text import printable
from rag_embed.types import Citation, Hit, Route

_SHOWN = 1600
"""Characters of a passage that are shown at once."""


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
        verdict: What its relevance means; empty where nothing was asked.
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
    start, end = window(chunk.text, marked, _SHOWN)
    inside = within(marked, start, end)
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
        meaning(hit.relevance),
    )


def place(cited: Citation, id: str) -> str:
    """Where a passage stands, in words; no path of this machine."""
    page = f"{cited.pages}, " if cited.pages else ""
    return printable(f"{id}, {page}characters {cited.start:,} to {cited.end:,}")


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
