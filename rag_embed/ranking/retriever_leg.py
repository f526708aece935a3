"""A leg that asks any other retriever over the same chunks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field

import numpy as np

from rag_embed.filters import And, Filter, field
from rag_embed.protocols import Retriever, View
from rag_embed.types import Query, Scores


@dataclass(frozen=True, slots=True)
class RetrieverLeg:
    """Any `protocols.Retriever` as a source of evidence.

    On the common scale its best hit is 1 and what it did not find 0, one step below its worst hit: a
    retriever gives no score for chunks of others' choice, as `legs.DenseLeg` and `legs.LexicalLeg` do.
    Hits that are no chunks of this index, or that the query may not see, are
    left out, whatever the retriever does with filters and owners. `Query.vectors` are for legs of this
    index and are not handed on: the retriever reads the text.

    Attributes:
        name: Shown in explanations, and the key of its weight.
        retriever: Finds chunks by the ids of this index, higher scores first.
    """

    name: str
    retriever: Retriever

    def ask(self, view: View, queries: Sequence[Query], /) -> RetrieverAnswers:
        """See `protocols.Leg`."""
        return RetrieverAnswers(self.retriever, view, tuple(queries))


@dataclass(frozen=True, slots=True, eq=False)
class RetrieverAnswers:
    """Answers of a `RetrieverLeg`."""

    retriever: Retriever
    view: View
    queries: tuple[Query, ...]
    found: dict[int, dict[str, float]] = dataclass_field(default_factory=dict)
    bounds: dict[int, tuple[float, float]] = dataclass_field(default_factory=dict)

    def top(self, where: Sequence[Filter | None], n: int, /) -> list[tuple[list[str], Scores]]:
        """See `protocols.Answers`."""
        asked = [
            replace(
                query,
                k=n,
                where=one,
                group_by="chunk",
                min_relevance=0.0,
                diversity=0.0,
                vectors={},
            )
            for query, one in zip(self.queries, where, strict=True)
        ]
        tops: list[tuple[list[str], Scores]] = []
        for i, (hits, one) in enumerate(zip(self.retriever.retrieve(asked), where, strict=True)):
            scores = {hit.id: hit.score for hit in hits}
            allowed = self._allowed(list(scores), one)
            known = {id: score for id, score in scores.items() if id in allowed}
            self.found[i] = known
            if known:
                self.bounds.setdefault(i, _bounds(list(known.values())))
            tops.append((list(known), np.array(list(known.values()), dtype=np.float32)))
        return tops

    def _allowed(self, ids: list[str], where: Filter | None) -> set[str]:
        if not ids:
            return set()
        among: Filter = field("id").is_in(ids)
        return set(self.view.passing(among if where is None else And((among, where))))

    def score(self, ids: Sequence[Sequence[str]], /) -> list[Scores]:
        """See `protocols.Answers`: a step below the worst hit for what was not found."""
        return [
            np.array(
                [self.found[i].get(id, self.bounds.get(i, (0.0, 0.0))[0]) for id in some],
                dtype=np.float32,
            )
            for i, some in enumerate(ids)
        ]

    def normalise(self, query: int, raw: Scores, /) -> Scores:
        """See `protocols.Answers`: what was not found is 0, the best hit 1."""
        if query not in self.bounds:
            return np.zeros(len(raw), dtype=np.float32)
        # In the precision of `raw`, so that the best is 1 to the last bit.
        floor, high = (np.float32(bound) for bound in self.bounds[query])
        # A later, deeper search finds worse hits than the floor was made of.
        scaled: Scores = np.maximum((raw - floor) / (high - floor), 0.0).astype(np.float32)
        return scaled


def _bounds(scores: Sequence[float]) -> tuple[float, float]:
    """The mean step between two hits below the worst, and the best."""
    low, high = min(scores), max(scores)
    step = (high - low) / max(len(scores) - 1, 1)
    return low - (step or 1.0), high
