"""Fusion of a batch of queries: what the legs answer, weighed query by query.

The fused score of a chunk is ``sum over legs of weight * normalised score``: scores, not ranks,
because a rank forgets how sure a leg is, and a leg that is noise for a query would drag the other
down. Every candidate of one leg gets its true score from the others too. Hits are made in `hybrid`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rag_embed.filters import Filter
from rag_embed.maths.vectors import best
from rag_embed.ranking.legs import Answers, DenseAnswers, SomeAnswers
from rag_embed.ranking.token_evidence import TOKENS, LateAnswers, normalised
from rag_embed.types import Part, Scores, Vectors

Evidence = Callable[[list[str]], Scores | None]
"""Normalised token evidence of some candidates; None where there is none."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A candidate with its fused score."""

    id: str
    score: float
    parts: tuple[Part, ...]


def ordered(
    ids: Sequence[str],
    scores: Mapping[str, Scores],
    weights: Mapping[str, float],
    depth: int,
    evidence: Evidence,
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    """The order of candidates by a mixture, the best ``depth`` looked at again by their tokens.

    Args:
        ids: ``n`` distinct chunks.
        scores: Leg -> ``(n,)`` normalised scores.
        weights: By leg; a leg that is not named counts nothing.
        depth: How many are given token evidence; they stay before the others.
        evidence: Called with the ids of those, best first.

    Returns:
        ``(n,)`` positions, best first; ``(n,)`` fused scores of ``ids``.
    """
    total = np.zeros(len(ids))
    for name, values in scores.items():
        total += weights.get(name, 0.0) * values.astype(np.float64)
    order = best(ids, total, len(ids))
    first = order[:depth]
    late = evidence([ids[i] for i in first]) if len(first) else None
    if late is None:
        return order, total
    total[first] += weights.get(TOKENS, 0.0) * late.astype(np.float64)
    again = best([ids[i] for i in first], total[first], len(first))
    return np.concatenate([first[again], order[depth:]]), total


@dataclass(frozen=True, slots=True, eq=False)
class Fusion:
    """A batch of queries.

    Attributes:
        answers: By leg.
        where: Filter of each query.
        weights: By leg, of each query.
        depth: How many of the best are given token evidence.
    """

    answers: Mapping[str, Answers]
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
            look: Whether the best are given token evidence.

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
        tops = {name: leg.top(self.where, pool) for name, leg in self.answers.items()}
        queries = range(len(self.where))
        ids = [list(dict.fromkeys(i for top in tops.values() for i in top[q][0])) for q in queries]
        raw: list[dict[str, Scores]] = [{} for _ in queries]
        for name, leg in self.answers.items():
            known = [dict(zip(top[0], top[1].tolist(), strict=True)) for top in tops[name]]
            lacking = [[i for i in some if i not in k] for some, k in zip(ids, known, strict=True)]
            scores = leg.score(lacking)
            for q in queries:
                if isinstance(leg, SomeAnswers) and q not in leg.place:
                    continue
                known[q] |= dict(zip(lacking[q], scores[q].tolist(), strict=True))
                raw[q][name] = np.array([known[q][i] for i in ids[q]], dtype=np.float32)
        exhausted = [all(len(top[q][0]) < pool for top in tops.values()) for q in queries]
        return ids, raw, exhausted

    def scaled(self, query: int, raw: Mapping[str, Scores]) -> dict[str, Scores]:
        """Raw scores of one query's candidates, by leg, on the common scale."""
        return {name: self.answers[name].normalise(query, values) for name, values in raw.items()}

    def evidence(self, query: int, ids: Sequence[str]) -> Scores | None:
        """Raw token evidence of some candidates; None where there is none."""
        leg = next((leg for leg in self.answers.values() if isinstance(leg, LateAnswers)), None)
        return leg.evidence(query, ids) if leg and ids else None

    def _scored(
        self, query: int, ids: list[str], raw: Mapping[str, Scores], look: bool
    ) -> list[Scored]:
        """All candidates, best first."""
        weights, scaled = self.weights[query], self.scaled(query, raw)
        late: dict[str, Part] = {}

        def evidence(first: list[str]) -> Scores | None:
            found = self.evidence(query, first) if look else None
            if found is None:
                return None
            scores = normalised(found)
            weight = weights.get(TOKENS, 0.0)
            for id, r, n in zip(first, found, scores, strict=True):
                late[id] = Part(TOKENS, float(r), float(n), weight)
            return scores

        order, total = ordered(ids, scaled, weights, self.depth, evidence)
        return [
            Scored(
                ids[i],
                float(total[i]),
                tuple(
                    Part(name, float(raw[name][i]), float(scaled[name][i]), weights.get(name, 0.0))
                    for name in raw
                )
                + ((late[ids[i]],) if ids[i] in late else ()),
            )
            for i in order
        ]


def query_vectors(answers: Answers) -> Vectors:
    """``(n, dim)`` unit rows of the queries that a dense leg was asked about."""
    dense = answers.dense if isinstance(answers, LateAnswers) else answers
    if not isinstance(dense, DenseAnswers):
        raise TypeError(f"{type(dense).__name__} has no query vectors")
    return dense.rows
