"""Several legs, one ranking: candidates are fused, chosen, made into hits.

Fusion is in `fusion`, filters on relevance, diversity and grouping in `selection`. With a router every
query has its own weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from rag_embed.errors import BadInput
from rag_embed.filters import And, Filter, field
from rag_embed.protocols import Router, Store, View
from rag_embed.ranking.fusion import Fusion, Scored, query_vectors
from rag_embed.ranking.legs import Answers, DenseLeg, Leg, SomeAnswers
from rag_embed.ranking.relevance import Calibration
from rag_embed.ranking.selection import Rows, Selection
from rag_embed.ranking.token_evidence import TOKENS, LateLeg
from rag_embed.types import Hit, Part, Query, Route

POOL = 100
"""Candidates each leg proposes. The first `POOL` results do not depend on ``k``."""

DEPTH = 40
"""Candidates whose tokens are looked at."""


@dataclass(frozen=True, slots=True)
class Hybrid:
    """A `protocols.Retriever` over one store.

    Attributes:
        store: Where the chunks are.
        legs: Sources of evidence.
        weights: Weight of each leg by name; a leg that is not named is not asked. The default
            mixture, where there is a router.
        calibration: From the default mixture's score to relevance.
        pool: Candidates per leg, >= 1.
        depth: The best so many candidates are given token evidence, where a leg has it; they stay
            before the others. The same for every ``k``.
        router: Decides the weights of each query that has a text. A leg without weight in the
            default mixture is then asked about the queries that are routed to it alone.

    Raises:
        BadInput: There is no leg with weight, or no pool; two legs have one name; a router has no
            dense leg whose query vectors it could read.
    """

    store: Store
    legs: tuple[Leg, ...]
    weights: Mapping[str, float]
    calibration: Calibration
    pool: int = POOL
    depth: int = DEPTH
    router: Router | None = None

    def __post_init__(self) -> None:
        if not self.legs or self.pool < 1:
            raise BadInput(
                f"Hybrid needs a leg and a pool >= 1, got {len(self.legs)} legs and {self.pool}."
            )
        names = [leg.name for leg in self.legs]
        if len(set(names)) < len(names):
            raise BadInput(f"Each leg needs a name of its own, got {names}.")
        if not any(map(self._always, self.legs)):
            raise BadInput(f"The weights {dict(self.weights)} count none of the legs {names}.")
        if self.router is not None:
            _ = self.base

    def retrieve(self, queries: Sequence[Query], /) -> list[list[Hit]]:
        """See `protocols.Retriever`; all queries are encoded and searched as one batch."""
        view = self.store.view()
        hits: list[list[Hit]] = [[] for _ in queries]
        asked = [i for i, query in enumerate(queries) if query.k and _asks(query)]
        if asked and len(view):
            found = self._retrieve(view, [queries[i] for i in asked])
            for i, one in zip(asked, found, strict=True):
                hits[i] = one
        for i, query in enumerate(queries):
            if query.k and query.where is not None and not _asks(query):
                hits[i] = self._listed(view, query)
        return hits

    def _listed(self, view: View, query: Query) -> list[Hit]:
        """What passes the filter of a query that asks for nothing else, in reading order."""
        ranked = [Scored(id, 0.0, ()) for id in view.passing(visible(query, view))]
        selection = Selection(query, _certain, self._rows(view))
        pool = self.pool
        while not selection.done:
            selection.take(ranked[:pool], pool, pool >= len(ranked))
            pool *= 4
        return _hits(view, [None], [selection.groups[: query.k]], _certain)[0]

    def _retrieve(self, view: View, queries: Sequence[Query]) -> list[list[Hit]]:
        answers, routes = self._asked(view, queries)
        fusion = Fusion(
            answers,
            [visible(query, view) for query in queries],
            [self.weights if route is None else route.weights for route in routes],
            self.depth,
        )
        selections = [Selection(query, self._relevance, self._rows(view)) for query in queries]
        pool = self.pool
        while open_ := [i for i, one in enumerate(selections) if not one.done]:
            found = fusion.ranked(pool, open_, look=pool == self.pool)
            for i, (ranked, exhausted) in zip(open_, found, strict=True):
                selections[i].take(ranked, pool, exhausted)
            pool *= 4
        chosen = [one.groups[: q.k] for one, q in zip(selections, queries, strict=True)]
        return _hits(view, routes, chosen, self._relevance)

    def _asked(
        self, view: View, queries: Sequence[Query]
    ) -> tuple[dict[str, Answers], list[Route | None]]:
        """Each leg's answers, and each query's route."""
        answers = {leg.name: leg.ask(view, queries) for leg in self.legs if self._always(leg)}
        routes = self._routes(queries, answers)
        for leg in self.legs:
            some = [i for i, route in enumerate(routes) if route and route.weights.get(leg.name)]
            if some and leg.name not in answers:
                asked = leg.ask(view, [queries[i] for i in some])
                answers[leg.name] = SomeAnswers(asked, {i: at for at, i in enumerate(some)})
        return answers, routes

    def _routes(
        self, queries: Sequence[Query], answers: Mapping[str, Answers]
    ) -> list[Route | None]:
        """None for a query without text, which an expert could not read."""
        routes: list[Route | None] = [None] * len(queries)
        said = [i for i, query in enumerate(queries) if query.text.strip()]
        if self.router is None or not said:
            return routes
        rows = query_vectors(answers[self.base.name])[said]
        found = self.router.route([queries[i] for i in said], rows)
        if len(found) != len(said):
            raise BadInput(
                f"{type(self.router).__name__}.route() must give one Route per query, {len(said)} "
                f"in all; got {len(found)}."
            )
        known = self.mixture.keys()
        for i, route in zip(said, found, strict=True):
            if strange := sorted(route.weights.keys() - known):
                raise BadInput(
                    f"{type(self.router).__name__} weighs the legs {strange}, which are not there; "
                    f"known: {sorted(known)}."
                )
            routes[i] = route
        return routes

    @property
    def mixture(self) -> dict[str, float]:
        """Default weight of everything that can have one: each leg, and token evidence, if any."""
        late = any(isinstance(leg, LateLeg) for leg in self.legs)
        names = [*(leg.name for leg in self.legs), *([TOKENS] if late else [])]
        return {name: self.weights.get(name, 0.0) for name in names}

    @property
    def base(self) -> DenseLeg | LateLeg:
        """The dense leg whose query vectors a router reads: the first that the default counts.

        Raises:
            BadInput: There is none.
        """
        found = next((leg for leg in self._dense if self._always(leg)), None)
        if found is None:
            raise BadInput(
                "A router reads the query vector of a dense leg that the default weights count; "
                f"there is none among {[leg.name for leg in self.legs]}."
            )
        return found

    @property
    def _dense(self) -> list[DenseLeg | LateLeg]:
        return [leg for leg in self.legs if isinstance(leg, DenseLeg | LateLeg)]

    def _always(self, leg: Leg) -> bool:
        """Relevance needs what the default mixture counts."""
        return bool(self.weights.get(leg.name))

    def _relevance(self, one: Scored) -> float:
        return self.calibration.relevance(*basis(one.parts, self.weights))

    def _rows(self, view: View) -> Rows | None:
        """Chunks' vectors, to measure how different two are."""
        return partial(view.vectors, _space(self._dense[0])) if self._dense else None


def basis(parts: Sequence[Part], weights: Mapping[str, float]) -> tuple[float, float]:
    """What relevance is made of: the default mixture without token evidence, and the dense cosine.

    Token evidence is left out since only the best candidates have it, the router's weights since
    relevance must mean the same for every query.

    Args:
        parts: Of one hit.
        weights: The default mixture.
    """
    score = sum(weights.get(p.leg, 0.0) * p.normalised for p in parts if p.leg != TOKENS)
    return score, next((part.raw for part in parts if part.leg == "dense"), 0.0)


def _space(leg: DenseLeg | LateLeg) -> str:
    return leg.space if isinstance(leg, DenseLeg) else leg.name


def _hits(
    view: View,
    routes: Sequence[Route | None],
    chosen: Sequence[list[list[Scored]]],
    relevance: Callable[[Scored], float],
) -> list[list[Hit]]:
    wanted = {one.id for groups in chosen for group in groups for one in group}
    chunks = {chunk.id: chunk for chunk in view.chunks(sorted(wanted))}
    return [
        [
            Hit(
                chunk=chunks[group[0].id],
                score=group[0].score,
                relevance=relevance(group[0]),
                parts=group[0].parts,
                siblings=tuple(chunks[one.id] for one in group[1:]),
                route=route,
            )
            for group in groups
        ]
        for groups, route in zip(chosen, routes, strict=True)
    ]


def _certain(one: Scored) -> float:
    """Relevance where a filter is all that was asked, and passed."""
    return 1.0


def _asks(query: Query) -> bool:
    return bool(query.text.strip() or query.vectors)


def visible(query: Query, view: View) -> Filter | None:
    """The query's filter, and shared chunks or the user's own only."""
    if not view.private:
        return query.where
    shared: Filter = field("user_id").is_missing()
    mine = shared | (field("user_id") == query.user) if query.user is not None else shared
    return mine if query.where is None else And((query.where, mine))
