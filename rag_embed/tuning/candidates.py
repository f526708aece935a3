"""What is said about a query's candidates, kept so that many mixtures can be tried on it.

A search asks its legs once and fuses once. To learn how they should be weighed, the same answers are
fused again and again: `ranked` orders them exactly as `ranking.hybrid.Hybrid` would.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rag_embed.maths.metrics import Metric
from rag_embed.ranking.fusion import Fusion, Look, ordered
from rag_embed.ranking.hybrid import Hybrid
from rag_embed.types import Query, Scores, Vectors, doc_id_of

_BATCH = 64


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """The candidates of one query.

    Attributes:
        ids: Of chunks.
        vector: ``(dim,)`` the query by the base leg; empty where there is no base leg.
        scores: Leg -> ``(len(ids),)`` normalised scores.
        depth: How many of the best the second stages look at.
        stages: Names of the second stages.
        look: Normalised evidence of a second stage about some of them; None where it has none.
    """

    ids: tuple[str, ...]
    vector: Vectors
    scores: Mapping[str, Scores]
    depth: int
    stages: tuple[str, ...]
    look: Look

    def ranked(self, weights: Mapping[str, float]) -> list[str]:
        """Ids by the mixture, best first, as `Hybrid` orders its first pool.

        Args:
            weights: By leg and second stage; one that is not named counts nothing.
        """
        order, _ = ordered(self.ids, self.scores, weights, self.depth, self.stages, self.look)
        return [self.ids[i] for i in order]

    def said(self, name: str, places: Sequence[int]) -> Scores:
        """What a leg or a second stage says about some candidates; 0 where it says nothing.

        Args:
            name: Name of the leg or second stage.
            places: Positions in ``ids``.

        Returns:
            ``(len(places),)``.
        """
        if name in self.scores:
            return self.scores[name][list(places)]
        found = self.look(name, [self.ids[i] for i in places])
        return np.zeros(len(places), np.float32) if found is None else found


class _Looked:
    """Evidence of second stages, computed when it is first asked for.

    It is what costs most, and no mixture looks at more than the best few.
    """

    def __init__(self, fusion: Fusion, query: int) -> None:
        self._fusion = fusion
        self._query = query
        self._known: dict[str, dict[str, float]] = {}

    def __call__(self, stage: str, ids: list[str]) -> Scores | None:
        known = self._known.setdefault(stage, {})
        if lacking := [id for id in ids if id not in known]:
            found = self._fusion.evidence(stage, self._query, lacking)
            if found is None:
                return None
            known.update(zip(lacking, found[1].tolist(), strict=True))
        return np.array([known[id] for id in ids], dtype=np.float32)


def gathered(hybrid: Hybrid, queries: Sequence[Query]) -> Iterator[Candidates]:
    """Ask all legs of a retriever, in batches; `Query.k` and what follows the fusion is ignored."""
    for start in range(0, len(queries), _BATCH):
        yield from _gathered(hybrid, queries[start : start + _BATCH])


def _gathered(hybrid: Hybrid, queries: Sequence[Query]) -> list[Candidates]:
    fusion, vectors = hybrid.asked(hybrid.store.view(), queries)
    stages = tuple(stage.name for stage in hybrid.stages)
    ids, raw, _ = fusion.candidates(hybrid.pool)
    found = []
    for query, some in enumerate(ids):
        scores, looked = fusion.scaled(query, raw[query]), _Looked(fusion, query)
        found.append(Candidates(tuple(some), vectors[query], scores, hybrid.depth, stages, looked))
    return found


def utilities(
    candidates: Sequence[Candidates],
    judged: Sequence[Mapping[str, float]],
    mixtures: Sequence[Mapping[str, float]],
    metric: str = "ndcg@10",
) -> Vectors:
    """How good each mixture is for each query.

    Args:
        candidates: Of ``n`` queries.
        judged: Grades of each query's documents.
        mixtures: ``m`` weights by leg and second stage.
        metric: As in `maths.metrics`; documents count at their best chunk.

    Returns:
        ``(n, m)`` float32.
    """
    measure = Metric.parse(metric)
    values = np.zeros((len(candidates), len(mixtures)), dtype=np.float32)
    for row, one, grades in zip(values, candidates, judged, strict=True):
        for column, weights in enumerate(mixtures):
            documents = list(dict.fromkeys(doc_id_of(id) for id in one.ranked(weights)))
            row[column] = measure(documents, grades)
    return values
