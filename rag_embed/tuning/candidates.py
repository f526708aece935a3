"""What every leg says about a query's candidates, kept so that many mixtures can be tried on it.

A search asks its legs once and fuses once. To learn how legs should be weighed, the same answers are
fused again and again: `ranked` orders them exactly as `ranking.hybrid.Hybrid` would.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rag_embed.maths.metrics import Metric
from rag_embed.ranking.fusion import Evidence, Fusion, ordered, query_vectors
from rag_embed.ranking.hybrid import Hybrid, visible
from rag_embed.ranking.token_evidence import TOKENS, normalised
from rag_embed.types import Query, Scores, Vectors, doc_id_of

_BATCH = 64


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """The candidates of one query.

    Attributes:
        ids: Of chunks.
        vector: ``(dim,)`` the query by the base encoder.
        scores: Leg -> ``(len(ids),)`` normalised scores.
        depth: How many of the best are given token evidence.
        evidence: Normalised token evidence of some of them; None where there is none.
    """

    ids: tuple[str, ...]
    vector: Vectors
    scores: Mapping[str, Scores]
    depth: int
    evidence: Evidence

    def ranked(self, weights: Mapping[str, float]) -> list[str]:
        """Ids by the mixture, best first, as `Hybrid` orders its first pool.

        Args:
            weights: By leg; a leg that is not named counts nothing.
        """
        evidence = self.evidence if weights.get(TOKENS) else lambda _: None
        order, _ = ordered(self.ids, self.scores, weights, self.depth, evidence)
        return [self.ids[i] for i in order]

    def said(self, leg: str, places: Sequence[int]) -> Scores:
        """What a leg, or token evidence, says about some candidates; 0 where it says nothing.

        Args:
            leg: Its name.
            places: Positions in ``ids``.

        Returns:
            ``(len(places),)``.
        """
        found = self.scores.get(leg)
        if leg == TOKENS:
            looked = self.evidence([self.ids[i] for i in places])
            return np.zeros(len(places), np.float32) if looked is None else looked
        return np.zeros(len(places), np.float32) if found is None else found[list(places)]


class _Looked:
    """Token evidence, computed when it is first asked for.

    It is what costs most, and no mixture looks at more than the best few.
    """

    def __init__(self, fusion: Fusion, query: int) -> None:
        self._fusion = fusion
        self._query = query
        self._known: dict[str, float] = {}

    def __call__(self, ids: list[str]) -> Scores | None:
        if lacking := [id for id in ids if id not in self._known]:
            found = self._fusion.evidence(self._query, lacking)
            if found is None:
                return None
            self._known.update(zip(lacking, normalised(found).tolist(), strict=True))
        return np.array([self._known[id] for id in ids], dtype=np.float32)


def gathered(hybrid: Hybrid, queries: Sequence[Query]) -> Iterator[Candidates]:
    """Ask all legs of a retriever, in batches; `Query.k` and what follows the fusion is ignored.

    Raises:
        BadInput: No dense leg counts in the default mixture.
    """
    for start in range(0, len(queries), _BATCH):
        yield from _gathered(hybrid, queries[start : start + _BATCH])


def _gathered(hybrid: Hybrid, queries: Sequence[Query]) -> list[Candidates]:
    view = hybrid.store.view()
    answers = {leg.name: leg.ask(view, queries) for leg in hybrid.legs}
    vectors = query_vectors(answers[hybrid.base.name])
    fusion = Fusion(answers, [visible(query, view) for query in queries], [], hybrid.depth)
    ids, raw, _ = fusion.candidates(hybrid.pool)
    found = []
    for query, some in enumerate(ids):
        scores, looked = fusion.scaled(query, raw[query]), _Looked(fusion, query)
        found.append(Candidates(tuple(some), vectors[query], scores, hybrid.depth, looked))
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
        mixtures: ``m`` weights by leg.
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
