"""Several legs, one ranking: candidates are fused, chosen, made into hits.

Fusion is in `fusion`, filters on relevance, diversity and grouping in `selection`. With a router every
query has its own weights.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from rag_embed.arguments import check_is, set_counts
from rag_embed.errors import BadInput
from rag_embed.protocols import (
    Answers,
    Leg,
    Router,
    SecondStage,
    Store,
    VectorAnswers,
    VectorLeg,
    View,
)
from rag_embed.ranking.absent_names import tell_of_absent
from rag_embed.ranking.freshness import Freshness, over, wanted
from rag_embed.ranking.fusion import Asked, Fusion, Scored
from rag_embed.ranking.phrases import Phrases, over_all, phrases
from rag_embed.ranking.relevance import Calibration
from rag_embed.ranking.routed import routes_of
from rag_embed.ranking.selection import Rows, Selection, hits_of
from rag_embed.ranking.steps import none, timed
from rag_embed.ranking.visibility import visible
from rag_embed.ranking.weights import checked
from rag_embed.stores.rereading import with_view
from rag_embed.types import FRESH, PHRASE, Fresh, Hit, Query, Route, Vectors, check_queries

POOL = 100
"""Candidates each leg proposes. The first `POOL` results do not depend on ``k``."""

DEPTH = 40
"""Candidates that second stages look at."""


@dataclass(frozen=True, slots=True)
class Hybrid:
    """A `protocols.Retriever` over one store.

    Attributes:
        store: Where the chunks are.
        legs: Sources of evidence.
        weights: Weight of each leg and second stage by name; one that is not named is not asked. The
            default mixture, where there is a router.
        calibration: Makes relevance of what its legs say; these are asked about every query.
        stages: Look again at the best candidates.
        pool: Candidates per leg, >= 1.
        depth: How many of the best the second stages look at; they stay before the others. The same
            for every ``k``.
        router: Decides the weights of each query that has a text. A leg is asked about the queries
            whose weights count it and no others, but for `base` and what relevance needs.
        own: Weights of single users by their ids, which go before all others for their queries; those
            that count a leg or second stage that is not here are left aside.
        fresh: How much newer documents count, of queries that do not say so themselves.
        quotes: Whether chunks that hold what a query has in quotes go first; see `phrases`.

    Raises:
        BadInput: There is no leg with weight, or no pool; two parts have one name; the weights name a
            part that is not there; a router has no leg whose query vectors it could read.
    """

    store: Store
    legs: tuple[Leg, ...]
    weights: Mapping[str, float]
    calibration: Calibration
    stages: tuple[SecondStage, ...] = ()
    pool: int = POOL
    depth: int = DEPTH
    router: Router | None = None
    own: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    fresh: Fresh | None = None
    quotes: bool = True

    def __post_init__(self) -> None:
        set_counts(self, 1, "pool")
        set_counts(self, 0, "depth")
        if not self.legs:
            raise BadInput("Hybrid needs a leg, got none.")
        for leg in self.legs:
            check_is("Hybrid.legs", leg, Leg)
        names = list(self.mixture)
        if len(names) < len(self.legs) + len(self.stages):
            raise BadInput(f"Each leg and second stage needs a name of its own, got only {names}.")
        checked(self.weights, names[: len(self.legs)], names[len(self.legs) :])
        if self.router is not None and self.base is None:
            raise BadInput(
                "A router reads the query vectors of a leg that compares vectors and that the "
                f"default weights count; there is none among {[leg.name for leg in self.legs]}."
            )

    def retrieve(self, queries: Sequence[Query], /) -> list[list[Hit]]:
        """See `protocols.Retriever`; all queries are encoded and searched as one batch.

        Raises:
            BadInput: A query does not fit the index or its legs.
        """
        check_queries(queries)
        if given := {name for query in queries for name in query.vectors}:
            names = [leg.name for leg in self._vector_legs]
            if strange := sorted(given - set(names)):
                raise BadInput(
                    f"Query.vectors names {strange}; the legs here that compare vectors are {names}."
                )
        return with_view(self.store, partial(self._found, queries))

    def _found(self, queries: Sequence[Query], view: View) -> list[list[Hit]]:
        hits: list[list[Hit]] = [[] for _ in queries]
        asked = [i for i, query in enumerate(queries) if query.k and _asks(query)]
        if asked and len(view):
            found = self._retrieve(view, [queries[i] for i in asked])
            for i, one in zip(asked, found, strict=True):
                hits[i] = one
        for i, query in enumerate(queries):
            if query.k and query.where is not None and not _asks(query):
                hits[i] = self._listed(view, query)
            if query.k and not hits[i] and not query.min_relevance:
                tell_of_absent(view, query)
        return hits

    @property
    def mixture(self) -> dict[str, float]:
        """Default weight of everything that can have one: legs, then second stages."""
        parts: tuple[Leg | SecondStage, ...] = (*self.legs, *self.stages)
        return {part.name: self.weights.get(part.name, 0.0) for part in parts}

    @property
    def base(self) -> VectorLeg | None:
        """The leg whose query vectors a router reads: the first that has any and has weight."""
        return next((leg for leg in self._vector_legs if self.weights.get(leg.name)), None)

    def alone(self, name: str) -> Hybrid:
        """One leg of this retriever and nothing else, relevance included.

        Raises:
            BadInput: There is no leg of that name.
        """
        legs = tuple(leg for leg in self.legs if leg.name == name)
        if not legs:
            known = ", ".join(leg.name for leg in self.legs)
            raise BadInput(f"There is no leg {name!r}; there are: {known}.")
        weights = {name: 1.0}
        calibration = replace(self.calibration, weights=weights)
        return replace(
            self,
            legs=legs,
            stages=(),
            weights=weights,
            calibration=calibration,
            router=None,
            own={},
            fresh=None,
            quotes=False,
        )

    def asked(self, view: View, queries: Sequence[Query]) -> tuple[Fusion, Vectors]:
        """What all legs and second stages say, whatever they weigh: to try many mixtures on.

        Args:
            view: The version that is searched.
            queries: What is asked; their ``k`` and what follows the fusion does not count.

        Returns:
            The answers, without weights; the queries' ``(n, dim)`` vectors by the base leg,
            ``(n, 0)`` where there is none.
        """
        answers: dict[str, Answers] = {leg.name: leg.ask(view, queries) for leg in self.legs}
        every = range(len(queries))
        fusion = Fusion(
            {name: Asked.about(one, every) for name, one in answers.items()},
            {s.name: Asked.about(s.ask(view, queries, answers), every) for s in self.stages},
            [visible(query, view) for query in queries],
            [],
            self.depth,
        )
        return fusion, self._query_rows(answers, len(queries))

    def _listed(self, view: View, query: Query) -> list[Hit]:
        """What passes the filter of a query that asks for nothing else, in reading order."""
        ranked = [Scored(id, 0.0) for id in view.passing(visible(query, view))]
        selection = Selection(query, _certain, self._rows(view, query), view)
        pool = self.pool
        while not selection.done:
            selection.take(ranked[:pool], pool, pool >= len(ranked))
            pool *= 4
        return hits_of(
            view, [query], [None], [selection.groups[: query.k]], _certain, self.store.analyzer
        )[0]

    def _retrieve(self, view: View, queries: Sequence[Query]) -> list[list[Hit]]:
        fusion, routes = self._fusion(view, queries)
        selections = [Selection(q, self._relevance, self._rows(view, q), view) for q in queries]
        pool = self.pool
        while open_ := [i for i, one in enumerate(selections) if not one.done]:
            found = fusion.ranked(pool, open_, look=pool == self.pool)
            for i, (ranked, exhausted) in zip(open_, found, strict=True):
                selections[i].take(ranked, pool, exhausted)
            pool *= 4
        chosen = [one.groups[: q.k] for one, q in zip(selections, queries, strict=True)]
        return hits_of(view, queries, routes, chosen, self._relevance, self.store.analyzer)

    def _fusion(self, view: View, queries: Sequence[Query]) -> tuple[Fusion, list[Route | None]]:
        """Everything that counts is asked; each query's route."""
        asked = {
            leg.name: Asked.about(_ask(leg, view, queries), range(len(queries)))
            for leg in self.legs
            if self._always(leg)
        }
        mine = self._own(queries)
        routes = self._routes(queries, {name: one.said for name, one in asked.items()}, mine)
        weights = [
            mine.get(i, self.weights if route is None else route.weights)
            for i, route in enumerate(routes)
        ]

        def counting(name: str) -> list[int]:
            return [i for i, one in enumerate(weights) if one.get(name)]

        for leg in self.legs:
            if leg.name not in asked and (some := counting(leg.name)):
                asked[leg.name] = Asked.about(_ask(leg, view, [queries[i] for i in some]), some)
        asked = {leg.name: asked[leg.name] for leg in self.legs if leg.name in asked}
        answers = {name: one.said for name, one in asked.items()}
        stages = {}
        for stage in self.stages:
            if some := counting(stage.name):
                ask = partial(stage.ask, view, [queries[i] for i in some], answers)
                stages[stage.name] = Asked.about(timed(stage.name, "ask", ask, none), some)
        asks = [wanted(query, self.fresh, self.store.fields) for query in queries]
        fresh = {i: one for i, one in enumerate(asks) if one is not None}
        if fresh:
            asked[FRESH] = Asked.about(Freshness.of(view, list(fresh.values())), list(fresh))
            legs = [leg.name for leg in self.legs]
            weights = [over(w, legs, fresh[i]) if i in fresh else w for i, w in enumerate(weights)]
        found = [phrases(one.text) for one in queries] if self.quotes else []
        if quoted := [i for i, some in enumerate(found) if some]:
            asked[PHRASE] = Asked.about(Phrases(view, [found[i] for i in quoted]), quoted)
            weights = [over_all(one, some) for one, some in zip(weights, found, strict=True)]
        where = [visible(query, view) for query in queries]
        return Fusion(asked, stages, where, weights, self.depth), routes

    def _own(self, queries: Sequence[Query]) -> dict[int, Mapping[str, float]]:
        """Weights of queries whose user has weights of their own."""
        known = self.mixture.keys()
        found = {i: self.own.get(query.user or "", {}) for i, query in enumerate(queries)}
        return {i: one for i, one in found.items() if one and one.keys() <= known}

    def _routes(
        self, queries: Sequence[Query], answers: Mapping[str, Answers], others: Container[int]
    ) -> list[Route | None]:
        """None for a query without text, which an expert could not read, and for those of others."""
        routes: list[Route | None] = [None] * len(queries)
        said = [i for i, one in enumerate(queries) if one.text.strip() and i not in others]
        if self.router is None or not said:
            return routes
        rows = self._query_rows(answers, len(queries))[said]
        found = routes_of(self.router, [queries[i] for i in said], rows, self.mixture)
        for i, route in zip(said, found, strict=True):
            routes[i] = route
        return routes

    def _query_rows(self, answers: Mapping[str, Answers], count: int) -> Vectors:
        """The queries' vectors by the base leg, ``(count, 0)`` where there is none."""
        if self.base is None:
            return np.empty((count, 0), np.float32)
        said = answers[self.base.name]
        if not isinstance(said, VectorAnswers):
            raise BadInput(
                f"Leg {self.base.name!r} has a space, so what its ask() returns needs `rows`, the "
                f"queries' vectors; {type(said).__name__} has none. See protocols.VectorLeg."
            )
        return said.rows

    @property
    def _vector_legs(self) -> list[VectorLeg]:
        return [leg for leg in self.legs if isinstance(leg, VectorLeg)]

    def _always(self, leg: Leg) -> bool:
        """What a router reads, and what relevance was fitted on, whatever a query is routed to."""
        read = self.router is not None and leg is self.base
        return read or leg.name in self.calibration.legs

    def _relevance(self, one: Scored) -> float:
        return self.calibration.relevance(*self.calibration.basis(one.parts))

    def _rows(self, view: View, query: Query) -> Rows | None:
        """Chunks' vectors, to measure how different two are; None where nobody asks."""
        if not query.diversity:
            return None
        if not self._vector_legs:
            raise BadInput(
                "Diversity compares the chunks' vectors, and none of the legs "
                f"{[leg.name for leg in self.legs]} has any. Leave diversity out."
            )
        return partial(view.vectors, self._vector_legs[0].space)


def _ask(leg: Leg, view: View, queries: Sequence[Query]) -> Answers:
    return timed(leg.name, "ask", partial(leg.ask, view, queries), none)


def _certain(one: Scored) -> float:
    """Relevance where a filter is all that was asked, and passed."""
    return 1.0


def _asks(query: Query) -> bool:
    return bool(query.text.strip() or query.vectors)
