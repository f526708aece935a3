"""Fusion of a batch of queries: what legs and second stages say, weighed query by query.

The fused score of a chunk is ``sum over legs of weight * normalised score``: scores, not ranks,
because a rank forgets how sure a leg is, and a leg that is noise for a query would drag the other
down. Every candidate of one leg gets its true score from the others too. Second stages add their
evidence to the best candidates. Hits are made in `hybrid`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from rag_embed.errors import BadInput
from rag_embed.filters import Filter
from rag_embed.maths.vectors import best
from rag_embed.protocols import Answers, Evidence
from rag_embed.ranking.steps import timed
from rag_embed.types import Part, Scores

T = TypeVar("T", Answers, Evidence)

Look = Callable[[str, list[str]], Scores | None]
"""Normalised evidence of a second stage, by name, about some candidates; None where it has none."""


Levels = Callable[[int, Sequence[str]], Scores]


def _silent(_: str) -> tuple[Part, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Scored:
    """A candidate with its fused score.

    Attributes:
        id: Of the chunk.
        score: Its fused score.
        said: Gives what was said about a chunk, which is put together for the few that become hits.
    """

    id: str
    score: float
    said: Callable[[str], tuple[Part, ...]] = _silent

    @property
    def parts(self) -> tuple[Part, ...]:
        """What each leg and second stage said about it."""
        return self.said(self.id)


@dataclass(frozen=True, slots=True, eq=False)
class Asked(Generic[T]):
    """A leg or second stage that was asked about some of a batch's queries.

    Attributes:
        said: Knows the queries it was asked about, in the order of ``place``.
        place: Query of the batch -> its place there.
    """

    said: T
    place: Mapping[int, int]

    @classmethod
    def about(cls, said: T, queries: Sequence[int]) -> Asked[T]:
        """Asked about these queries of the batch."""
        return cls(said, {query: at for at, query in enumerate(queries)})


def ordered(
    ids: Sequence[str],
    scores: Mapping[str, Scores],
    weights: Mapping[str, float],
    depth: int,
    stages: Sequence[str],
    look: Look,
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    """The order of candidates by a mixture, the best ``depth`` looked at again by second stages.

    Args:
        ids: ``n`` distinct chunks.
        scores: Leg -> ``(n,)`` normalised scores.
        weights: By leg and second stage; one that is not named counts nothing.
        depth: How many the second stages look at; they stay before the others.
        stages: Names of the second stages; one that counts nothing does not look.
        look: Called with a stage and the ids of those, best first.

    Returns:
        ``(n,)`` positions, best first; ``(n,)`` fused scores of ``ids``.
    """
    total = np.zeros(len(ids))
    for name, values in scores.items():
        total += weights.get(name, 0.0) * values.astype(np.float64)
    order = best(ids, total, len(ids))
    first = order[:depth]
    chosen = [ids[i] for i in first.tolist()]
    for name in stages if chosen else ():
        weight = weights.get(name, 0.0)
        if weight and (found := look(name, chosen)) is not None:
            total[first] += weight * found.astype(np.float64)
    again = best(chosen, total[first], len(first))
    return np.concatenate([first[again], order[depth:]]), total


@dataclass(frozen=True, slots=True, eq=False)
class Fusion:
    """A batch of queries.

    Attributes:
        answers: By leg.
        stages: By second stage.
        where: Filter of each query.
        weights: By leg and second stage, of each query.
        depth: How many of the best the second stages look at.
    """

    answers: Mapping[str, Asked[Answers]]
    stages: Mapping[str, Asked[Evidence]]
    where: Sequence[Filter | None]
    weights: Sequence[Mapping[str, float]]
    depth: int

    def ranked(
        self, pool: int, queries: Sequence[int], *, look: bool
    ) -> list[tuple[list[Scored], bool]]:
        """The candidates of some queries.

        Args:
            pool: Candidates per leg.
            queries: Places in the batch.
            look: Whether second stages look at the best.

        Returns:
            Per query: the candidates, best first; whether a larger pool would hold no others.
        """
        ids, raw, exhausted = self.candidates(pool)
        return [(self._scored(q, ids[q], raw[q], look), exhausted[q]) for q in queries]

    def candidates(self, pool: int) -> tuple[list[list[str]], list[dict[str, Scores]], list[bool]]:
        """What the legs propose for each query, and what each of them says about all of it.

        Returns:
            Per query: ids of the chunks; leg -> their raw scores, of the legs that were asked; whether
            a larger pool would hold no others.
        """
        queries = range(len(self.where))
        tops = {name: self._top(name, asked, pool) for name, asked in self.answers.items()}
        ids = [
            list(dict.fromkeys(id for top in tops.values() if q in top for id in top[q]))
            for q in queries
        ]
        raw: list[dict[str, Scores]] = [{} for _ in queries]
        for name, asked in self.answers.items():
            known = tops[name]
            lacking = [[id for id in ids[q] if id not in known[q]] for q in asked.place]
            ask = partial(asked.said.score, lacking)
            found = timed(name, "score", ask, lambda some: sum(map(len, some)))
            for q, some, scores in zip(asked.place, lacking, found, strict=True):
                known[q] |= dict(zip(some, scores.tolist(), strict=True))
                raw[q][name] = np.array([known[q][id] for id in ids[q]], dtype=np.float32)
                if not np.isfinite(raw[q][name]).all():
                    raise BadInput(f"Leg {name!r} gave a score that is not finite.")
        exhausted = [all(len(top[q]) < pool for top in tops.values() if q in top) for q in queries]
        return ids, raw, exhausted

    def _top(self, name: str, asked: Asked[Answers], pool: int) -> dict[int, dict[str, float]]:
        """By query: the leg's best chunks with their raw scores."""
        ask = partial(asked.said.top, [self.where[q] for q in asked.place], pool)
        found = timed(name, "find", ask, lambda some: sum(len(ids) for ids, _ in some))
        if len(found) != len(asked.place):
            raise BadInput(
                f"Leg {name!r} must answer each query, {len(asked.place)} in all; got {len(found)}."
            )
        return {
            q: dict(zip(ids, scores.tolist(), strict=True))
            for q, (ids, scores) in zip(asked.place, found, strict=True)
        }

    def scaled(self, query: int, raw: Mapping[str, Scores]) -> dict[str, Scores]:
        """Raw scores of one query's candidates, by leg, on the common scale."""
        return {name: _normalised(self.answers[name], query, one) for name, one in raw.items()}

    def evidence(self, name: str, query: int, ids: Sequence[str]) -> tuple[Scores, Scores] | None:
        """What a second stage says about some candidates, raw and on the common scale.

        Returns:
            None where it has nothing to say, or was not asked.
        """
        asked = self.stages.get(name)
        if asked is None or query not in asked.place:
            return None
        ask = partial(asked.said.score, asked.place[query], ids)
        raw = timed(name, "look", ask, lambda some: 0 if some is None else len(some))
        if raw is None:
            return None
        if raw.shape != (len(ids),) or not np.isfinite(raw).all():
            raise BadInput(f"Second stage {name!r} must give one finite score per candidate.")
        return raw, _normalised(asked, query, raw)

    def _levels(self, name: str, query: int, ids: Sequence[str]) -> Scores | None:
        """What chunks are worth by themselves to a leg; None where it does not know."""
        asked = self.answers[name]
        levels: Levels | None = getattr(asked.said, "levels", None)  # see `LevelledAnswers`
        return None if levels is None else levels(asked.place[query], ids)

    def _scored(
        self, query: int, ids: list[str], raw: Mapping[str, Scores], look: bool
    ) -> list[Scored]:
        """All candidates, best first."""
        weights, scaled = self.weights[query], self.scaled(query, raw)
        levels = {
            name: some for name in raw if (some := self._levels(name, query, ids)) is not None
        }
        looks: dict[str, dict[str, tuple[float, float]]] = {}

        def looked(name: str, first: list[str]) -> Scores | None:
            found = self.evidence(name, query, first)
            if found is None:
                return None
            values = zip(found[0].tolist(), found[1].tolist(), strict=True)
            looks[name] = dict(zip(first, values, strict=True))
            return found[1]

        stages = list(self.stages) if look else []
        order, total = ordered(ids, scaled, weights, self.depth, stages, looked)
        place = {id: i for i, id in enumerate(ids)}

        @cache
        def said(id: str) -> tuple[Part, ...]:
            i = place[id]
            found = [(name, float(raw[name][i]), float(scaled[name][i])) for name in raw]
            found += [(name, *one[id]) for name, one in looks.items() if id in one]
            known = {name: float(some[i]) for name, some in levels.items()}
            return tuple(Part(*one, weights.get(one[0], 0.0), known.get(one[0])) for one in found)

        ranked = zip(order.tolist(), total[order].tolist(), strict=True)
        return [Scored(ids[i], score, said) for i, score in ranked]


def _normalised(asked: Asked[T], query: int, raw: Scores) -> Scores:
    return asked.said.normalise(asked.place[query], raw)
