"""Fusion: several legs, one ranking.

The fused score of a chunk is ``sum over legs of weight * normalised score``: scores, not ranks,
because a rank forgets how sure a leg is, and a leg that is noise for a query would drag the other
down. Every candidate of one leg gets its true score from the others too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rag_embed.errors import BadInput
from rag_embed.filters import And, Filter, field
from rag_embed.maths.diversity import mmr
from rag_embed.maths.vectors import best
from rag_embed.protocols import Store, View
from rag_embed.ranking.late import TOKENS, LateAnswers, LateLeg, normalised
from rag_embed.ranking.legs import Answers, DenseLeg, Leg
from rag_embed.ranking.relevance import Calibration
from rag_embed.types import Hit, Part, Query, Scores, doc_id_of

POOL = 100
"""Candidates each leg proposes. The first `POOL` results do not depend on ``k``."""

DEPTH = 40
"""Candidates whose tokens are looked at."""

_SIBLINGS = 4


@dataclass(frozen=True, slots=True)
class Scored:
    """A candidate with its fused score."""

    id: str
    score: float
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Hybrid:
    """A `protocols.Retriever` over one store.

    Attributes:
        store: Where the chunks are.
        legs: Sources of evidence.
        weights: Weight of each leg by name; a leg that is not named counts nothing.
        calibration: From fused score to relevance.
        pool: Candidates per leg, >= 1.
        depth: The best so many candidates are given token evidence, where a leg has it; they stay
            before the others. The same for every ``k``.

    Raises:
        BadInput: There is no leg, or no pool.
    """

    store: Store
    legs: tuple[Leg, ...]
    weights: Mapping[str, float]
    calibration: Calibration
    pool: int = POOL
    depth: int = DEPTH

    def __post_init__(self) -> None:
        if not self.legs or self.pool < 1:
            raise BadInput(
                f"Hybrid needs a leg and a pool >= 1, got {len(self.legs)} legs and {self.pool}."
            )

    def retrieve(self, queries: Sequence[Query], /) -> list[list[Hit]]:
        """See `protocols.Retriever`; all queries are encoded and searched as one batch."""
        view = self.store.view()
        hits: list[list[Hit]] = [[] for _ in queries]
        asked = [i for i, query in enumerate(queries) if query.k and _asks(query)]
        if asked and len(view):
            found = self._retrieve(view, [queries[i] for i in asked])
            for i, one in zip(asked, found, strict=True):
                hits[i] = one
        return hits

    def _retrieve(self, view: View, queries: Sequence[Query]) -> list[list[Hit]]:
        where = [_visible(query, view) for query in queries]
        answers = {leg.name: leg.ask(view, queries) for leg in self.legs}
        ranked: list[list[Scored]] = [[] for _ in queries]
        pool = self.pool
        while True:
            exhausted = self._extend(ranked, answers, where, pool)
            short = [
                not done and not _enough(query, some)
                for query, some, done in zip(queries, ranked, exhausted, strict=True)
            ]
            if not any(short):
                break
            pool *= 4
        chosen = [self._chosen(view, q, some) for q, some in zip(queries, ranked, strict=True)]
        return self._hits(view, queries, chosen)

    def _extend(
        self,
        ranked: list[list[Scored]],
        answers: Mapping[str, Answers],
        where: Sequence[Filter | None],
        pool: int,
    ) -> list[bool]:
        """Append to each ranking what a larger pool adds; returns which have no more candidates.

        Earlier places stay, so that fewer hits are a prefix of more.
        """
        tops = {name: leg.top(where, pool) for name, leg in answers.items()}
        ids = [
            list(dict.fromkeys(id for top in tops.values() for id in top[i][0]))
            for i in range(len(where))
        ]
        scored = self._fused(answers, tops, ids)
        for query, (have, new) in enumerate(zip(ranked, scored, strict=True)):
            if not have:
                new = self._looked_at(answers, query, new)
            known = {one.id for one in have}
            have += [one for one in new if one.id not in known][: pool - len(have)]
        return [all(len(top[i][0]) < pool for top in tops.values()) for i in range(len(where))]

    def _fused(
        self,
        answers: Mapping[str, Answers],
        tops: Mapping[str, list[tuple[list[str], Scores]]],
        ids: list[list[str]],
    ) -> list[list[Scored]]:
        raw: dict[str, list[Scores]] = {}
        for name, leg in answers.items():
            known = [dict(zip(top[0], top[1].tolist(), strict=True)) for top in tops[name]]
            lacking = [[i for i in some if i not in k] for some, k in zip(ids, known, strict=True)]
            for k, some, scores in zip(known, lacking, leg.score(lacking), strict=True):
                k |= dict(zip(some, scores.tolist(), strict=True))
            raw[name] = [
                np.array([k[i] for i in some], dtype=np.float32)
                for some, k in zip(ids, known, strict=True)
            ]
        return [
            self._ordered(ids[q], {name: raw[name][q] for name in raw}, answers, q)
            for q in range(len(ids))
        ]

    def _ordered(
        self,
        ids: list[str],
        raw: Mapping[str, Scores],
        answers: Mapping[str, Answers],
        query: int,
    ) -> list[Scored]:
        scaled = {name: answers[name].normalise(query, scores) for name, scores in raw.items()}
        weights = {name: self.weights.get(name, 0.0) for name in raw}
        total = sum(
            (weights[name] * scaled[name].astype(np.float64) for name in raw), np.zeros(len(ids))
        )
        return [
            Scored(
                ids[i],
                float(total[i]),
                tuple(
                    Part(name, float(raw[name][i]), float(scaled[name][i]), weights[name])
                    for name in raw
                ),
            )
            for i in best(ids, total, len(ids))
        ]

    def _looked_at(
        self, answers: Mapping[str, Answers], query: int, ranked: list[Scored]
    ) -> list[Scored]:
        """The ranking with the best `depth` ordered anew by token evidence, where there is any."""
        leg = next((leg for leg in answers.values() if isinstance(leg, LateAnswers)), None)
        first, rest = ranked[: self.depth], ranked[self.depth :]
        raw = leg.evidence(query, [one.id for one in first]) if leg and first else None
        if raw is None:
            return ranked
        weight = self.weights.get(TOKENS, 0.0)
        parts = [
            Part(TOKENS, float(r), float(n), weight)
            for r, n in zip(raw, normalised(raw), strict=True)
        ]
        first = [
            Scored(one.id, one.score + part.contribution, (*one.parts, part))
            for one, part in zip(first, parts, strict=True)
        ]
        order = best([one.id for one in first], np.array([one.score for one in first]), len(first))
        return [first[i] for i in order] + rest

    def _chosen(self, view: View, query: Query, ranked: list[Scored]) -> list[list[Scored]]:
        """The query's hits, each with its siblings behind it."""
        if query.min_relevance:
            ranked = [one for one in ranked if self._relevance(one) >= query.min_relevance]
        if query.diversity:
            ranked = self._diverse(view, query, ranked)
        if query.group_by == "chunk":
            return [[one] for one in ranked[: query.k]]
        groups: dict[str, list[Scored]] = {}
        for one in ranked:
            groups.setdefault(doc_id_of(one.id), []).append(one)
        return [group[: 1 + _SIBLINGS] for group in list(groups.values())[: query.k]]

    def _relevance(self, one: Scored) -> float:
        return self.calibration.relevance(*basis(one.parts))

    def _diverse(self, view: View, query: Query, ranked: list[Scored]) -> list[Scored]:
        space = next((leg.name for leg in self.legs if isinstance(leg, DenseLeg | LateLeg)), None)
        if space is None or not ranked:
            return ranked
        rows = view.vectors(space, [one.id for one in ranked])
        scores = np.array([one.score for one in ranked])
        return [ranked[i] for i in mmr(scores, rows, query.diversity, len(ranked))]

    def _hits(
        self, view: View, queries: Sequence[Query], chosen: list[list[list[Scored]]]
    ) -> list[list[Hit]]:
        wanted = {one.id for groups in chosen for group in groups for one in group}
        chunks = {chunk.id: chunk for chunk in view.chunks(sorted(wanted))}
        return [
            [
                Hit(
                    chunk=chunks[group[0].id],
                    score=group[0].score,
                    relevance=self._relevance(group[0]),
                    parts=group[0].parts,
                    siblings=tuple(chunks[one.id] for one in group[1:]),
                )
                for group in groups
            ]
            for groups in chosen
        ]


def basis(parts: Sequence[Part]) -> tuple[float, float]:
    """What relevance is made of: the fused score without token evidence, and the dense cosine.

    Token evidence is left out since only the best candidates have it.
    """
    score = sum(part.contribution for part in parts if part.leg != TOKENS)
    return score, next((part.raw for part in parts if part.leg == "dense"), 0.0)


def _asks(query: Query) -> bool:
    return bool(query.text.strip() or query.vectors)


def _visible(query: Query, view: View) -> Filter | None:
    """The query's filter, and shared chunks or the user's own only."""
    if not view.private:
        return query.where
    shared: Filter = field("user_id").is_missing()
    mine = shared | (field("user_id") == query.user) if query.user is not None else shared
    return mine if query.where is None else And((query.where, mine))


def _enough(query: Query, ranked: list[Scored]) -> bool:
    if query.group_by == "document":
        return len({doc_id_of(one.id) for one in ranked}) >= query.k
    return len(ranked) >= query.k
