"""What a form finds, as it is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from rag_embed.serving.citations import citation
from rag_embed.serving.conditions import Conditions
from rag_embed.serving.finding import check_fresh, fitting, hits_of
from rag_embed.serving.library import Library, Shelf
from rag_embed.serving.page.bars import Scale, legend
from rag_embed.serving.page.forms import EVERYTHING, Form, rankings_of
from rag_embed.serving.page.hits import Card, cards, routed, shown_fields
from rag_embed.serving.parameters import Refused
from rag_embed.serving.web.searching import WHERE, found_with_best, query_of, search_tool
from rag_embed.types import Hit, Query

Pairs = Sequence[tuple[Shelf, Hit]]


@dataclass(frozen=True, slots=True)
class Shown:
    """What was found.

    Attributes:
        cards: The hits.
        best: Relevance of the best passage there is; None where there is none.
        least: Relevance below which hits were left out.
        legend: Names of the legs, numbers of their colours, and what they say.
        route: What the router decided; None where the question was not routed.
        not_searched: Names of indexes without all fields of the conditions.
    """

    cards: tuple[Card, ...]
    best: float | None
    least: float
    legend: tuple[tuple[str, int, str], ...]
    route: Mapping[str, Any] | None
    not_searched: tuple[str, ...]


class Asking:
    """Asks a library what forms say.

    Args:
        library: What is asked.
    """

    def __init__(self, library: Library) -> None:
        self.library = library
        self.tool = search_tool(library)
        self.conditions = Conditions.of([shelf.index.store.fields for shelf in library.shelves])

    def ask(self, *forms: Form) -> list[Shown]:
        """What each form finds; all bars are on one scale.

        Raises:
            Refused: Something cannot be asked so.
        """
        rankings = rankings_of(self.library)
        asked = [form.arguments(self.tool, self.conditions, rankings) for form in forms]
        found = [self._found(one) for one in asked]
        scale = Scale.of([hit for pairs, _, _ in found for _, hit in pairs])
        return [
            Shown(
                tuple(self._cards(query_of(one["query"], one), pairs, scale, form)),
                best,
                one["min_relevance"],
                tuple(legend([hit for _, hit in pairs])),
                routed(pairs[0][1].route) if pairs else None,
                others,
            )
            for form, one, (pairs, best, others) in zip(forms, asked, found, strict=True)
        ]

    def _found(self, asked: Mapping[str, Any]) -> tuple[Pairs, float | None, tuple[str, ...]]:
        shelves, others = fitting(
            self.library.asked(asked.get("collection", "")), asked[WHERE], WHERE
        )
        check_fresh(shelves, asked)
        names = tuple(shelf.name for shelf in others)
        query = query_of(asked["query"], asked)
        if asked["ranking"] == EVERYTHING:
            [(pairs, best)] = found_with_best(shelves, [query], asked[WHERE])
            return pairs, best, names
        whole = replace(query, min_relevance=0.0)
        ask = partial(_alone, asked["ranking"])
        [pairs] = hits_of(shelves, [whole], asked[WHERE], WHERE, ask=ask)
        best = max((hit.relevance for _, hit in pairs), default=None)
        return [one for one in pairs if one[1].relevance >= query.min_relevance], best, names

    def _cards(self, query: Query, pairs: Pairs, scale: Scale, form: Form) -> list[Card]:
        made: dict[tuple[str, str], Card] = {}
        for shelf in {one.name: one for one, _ in pairs}.values():
            explained = shelf.explain(query, [hit for other, hit in pairs if other is shelf])
            for card in cards(explained, shelf.index.store.analyzer, scale):
                made[shelf.name, card.hit.id] = self._placed(card, shelf, form)
        return [made[shelf.name, hit.id] for shelf, hit in pairs]

    def _placed(self, card: Card, shelf: Shelf, form: Form) -> Card:
        """A card with what is known of its index."""
        several = len(self.library.shelves) > 1
        kept = Form.of({name: form[name] for name in ("q",)})
        link = kept.address("/document", id=card.hit.id, **{"in": shelf.name * several})
        return replace(
            card,
            verdict=card.verdict if form["q"].strip() else "",
            fields=shown_fields(citation(shelf, card.hit.chunk)["fields"]),
            link=f"{link}#passage",
            collection=shelf.name * several,
        )


def _alone(leg: str, shelf: Shelf, queries: Sequence[Query]) -> list[list[Hit]]:
    """What one leg finds; nothing where there is no such leg.

    Raises:
        Refused: It compares no vectors, and hits that differ are asked for.
    """
    hybrid = shelf.index.experts.hybrid()
    if all(one.name != leg for one in hybrid.legs):
        return [[] for _ in queries]
    alone = hybrid.alone(leg)
    if alone.base is None and any(query.diversity for query in queries):
        raise Refused(f"Variety compares vectors, and {leg} has none: leave it at 0.")
    return alone.retrieve([shelf.within(query) for query in queries])


def moves(left: Shown, right: Shown, other: str) -> list[str]:
    """Where each hit of one side stands on the other one, in words."""
    ranks = {(one.collection, one.hit.id): rank for rank, one in enumerate(right.cards, 1)}
    said = []
    for rank, one in enumerate(left.cards, 1):
        there = ranks.get((one.collection, one.hit.id))
        if there is None:
            said.append("only here")
        elif there == rank:
            said.append("same place")
        else:
            said.append(f"in {other} at {there}")
    return said
