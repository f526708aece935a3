"""Several shelves asked at once: which can be, and what they find in one order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rag_embed.ranking.rerank import RERANK
from rag_embed.serving.conditions import Conditions
from rag_embed.serving.library import Library, Shelf
from rag_embed.serving.parameters import Choice, Parameter, Refused, Whole, listed
from rag_embed.types import PHRASE, Hit, Query

EVERYWHERE = "Where to search; everywhere without it."


def where_to(library: Library, about: str) -> dict[str, Parameter]:
    """The argument that names a collection; none where there is one collection only.

    Args:
        library: The collections.
        about: What is told of the argument.
    """
    named: dict[str, Parameter] = {"collection": Choice(about, library.names)}
    return named if len(library.shelves) > 1 else {}


def dates_of(library: Library) -> tuple[str, ...]:
    """Declared fields of dates, of any index."""
    return tuple(dict.fromkeys(name for shelf in library.shelves for name in shelf.dates))


def fresh_of(library: Library) -> dict[str, Parameter]:
    """The arguments that ask for newer documents first; none where no index has dates."""
    dates = dates_of(library)
    if not dates:
        return {}
    about = "Newer documents first: days after which a date counts half; 0 for no."
    by = Choice("The field of dates that fresh reads, if there are several.", dates)
    return {"fresh": Whole(about, 0, 36_525), "by": by}


def check_fresh(shelves: Sequence[Shelf], asked: Mapping[str, Any]) -> None:
    """Refuse what does not say which dates are meant.

    Args:
        shelves: What is searched.
        asked: Checked arguments, with those of `fresh_of` where there are dates.

    Raises:
        Refused: ``by`` is given alone, or an index has several fields of dates and none is named.
    """
    fresh, by = asked.get("fresh"), asked.get("by", "")
    if by and fresh is None:
        raise Refused(f"by names the field that fresh reads: give both, got by={by!r} alone.")
    several = [] if by else [one.dates for one in shelves if len(one.dates) > 1]
    if fresh and several:
        raise Refused(f"by must name the field that fresh reads, one of {listed(several[0])}.")


def fitting(
    shelves: Sequence[Shelf], given: Mapping[str, object], name: str = "filters"
) -> tuple[list[Shelf], list[Shelf]]:
    """Those that have all fields of some conditions, and those that have not.

    Args:
        shelves: Whatever was asked for.
        given: The conditions, as `Conditions.read` gave them.
        name: What the caller calls them.

    Raises:
        Refused: None has.
    """
    fits = [Conditions.fits(given, shelf.index.store.fields) for shelf in shelves]
    if not any(fits):
        raise Refused(f"No collection has all the fields of {name}; list shows which has what.")
    each = list(zip(shelves, fits, strict=True))
    return [shelf for shelf, fit in each if fit], [shelf for shelf, fit in each if not fit]


def hits_of(
    shelves: Sequence[Shelf],
    queries: Sequence[Query],
    given: Mapping[str, object],
    name: str = "filters",
    *,
    ask: Callable[[Shelf, Sequence[Query]], list[list[Hit]]] = Shelf.search,
) -> list[list[tuple[Shelf, Hit]]]:
    """What each query finds on all shelves, ``k`` at most, best first.

    Hits of one shelf keep its order. Several shelves are put in one order by relevance, which they share; what
    holds a phrase of the query comes first, then what was scored again, in the order of these scores.

    Args:
        shelves: Those that have the fields of the conditions.
        queries: Without ``where`` and ``user``.
        given: The conditions.
        name: What the caller calls them.
        ask: What a shelf is asked by.

    Raises:
        Refused: A value is none of a field.
    """
    found: list[list[tuple[Shelf, Hit]]] = [[] for _ in queries]
    for shelf in shelves:
        where = Conditions.filter(given, shelf.index.store.fields, name)
        hits_of_shelf = ask(shelf, [replace(one, where=where) for one in queries])
        for into, hits in zip(found, hits_of_shelf, strict=True):
            into += [(shelf, hit) for hit in hits]
    if len(shelves) > 1:
        for one in found:
            one.sort(key=lambda pair: _place(pair[1]))
    return [one[: query.k] for one, query in zip(found, queries, strict=True)]


def _place(hit: Hit) -> tuple[float, bool, float]:
    """Where a hit stands among those of several shelves; less is better."""
    again = next((part.raw for part in hit.parts if part.leg == RERANK), None)
    held = next((part.normalised for part in hit.parts if part.leg == PHRASE and part.weight), 0.0)
    return -held, again is None, -round(hit.relevance if again is None else again, 9)
