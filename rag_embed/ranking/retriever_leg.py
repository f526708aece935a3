"""A leg that asks any other retriever over the same chunks."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from functools import partial
from typing import TypeAlias

import numpy as np

from rag_embed.arguments import check_is
from rag_embed.filters import And, Filter, field
from rag_embed.maths.vectors import DIGITS
from rag_embed.protocols import Retriever, View
from rag_embed.types import Query, Scores

Listed: TypeAlias = Sequence[tuple[Sequence[str], float | None]]
"""What was found, best first: the ids of its chunks, mostly one, and the score that it was given."""

Asking: TypeAlias = Callable[[Sequence[Filter | None], int], Sequence[Listed]]
"""From a filter per query, and how many hits are wanted, to what is found; filters need not be obeyed."""

_SAME = 2 * 10.0**-DIGITS
"""Scores closer than this may stand in any order."""


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

    Raises:
        BadInput: The retriever is none.
    """

    name: str
    retriever: Retriever

    def __post_init__(self) -> None:
        check_is("retriever", self.retriever, Retriever)

    def ask(self, view: View, queries: Sequence[Query], /) -> ListedAnswers:
        """See `protocols.Leg`."""
        return ListedAnswers(view, partial(self._found, tuple(queries)))

    def _found(
        self, queries: Sequence[Query], where: Sequence[Filter | None], n: int
    ) -> Sequence[Listed]:
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
            for query, one in zip(queries, where, strict=True)
        ]
        return [[([hit.id], hit.score) for hit in hits] for hits in self.retriever.retrieve(asked)]


@dataclass(frozen=True, slots=True, eq=False)
class ListedAnswers:
    """Answers of a leg that is given lists of chunks: what a query may not see is taken out here.

    Scores count where every hit has one and none rises from hit to hit; else the order alone does.
    """

    view: View
    asking: Asking
    found: dict[int, dict[str, float]] = dataclass_field(default_factory=dict)
    bounds: dict[int, tuple[float, float]] = dataclass_field(default_factory=dict)

    def top(self, where: Sequence[Filter | None], n: int, /) -> list[tuple[list[str], Scores]]:
        """See `protocols.Answers`."""
        tops: list[tuple[list[str], Scores]] = []
        for i, (listed, one) in enumerate(zip(self.asking(where, n), where, strict=True)):
            allowed = self._allowed([id for ids, _ in listed for id in ids], one)
            known = _scored(listed, allowed)
            self.found[i] = known
            if known:
                self.bounds.setdefault(i, _bounds(list(known.values())))
            best = np.array(list(known.values())[:n], dtype=np.float32)
            tops.append((list(known)[:n], best))
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


def _scored(listed: Listed, allowed: Container[str]) -> dict[str, float]:
    """Each chunk by what found it first: by the scores, where they follow the order, else by places."""
    seen: dict[str, int] = {}
    own: list[float] = []
    for ids, score in listed:
        if new := [id for id in ids if id in allowed and id not in seen]:
            seen |= dict.fromkeys(new, len(own))
            own.append(math.nan if score is None else score)
    scores = np.array(own, np.float32)
    if not np.isfinite(scores).all() or (np.diff(scores) > _SAME).any():
        scores = np.arange(len(own), 0, -1, dtype=np.float32)
    return {id: float(scores[place]) for id, place in seen.items()}


def _bounds(scores: Sequence[float]) -> tuple[float, float]:
    """The mean step between two hits below the worst, and the best."""
    low, high = min(scores), max(scores)
    step = (high - low) / max(len(scores) - 1, 1)
    return low - (step or 1.0), high
