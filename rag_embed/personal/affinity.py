"""`Affinity` re-ranks by what the user likes: an alternative to `Bend` that finds the same candidates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rag_embed.errors import BadInput
from rag_embed.maths.attention import shrunk
from rag_embed.maths.moments import Moments
from rag_embed.maths.vectors import best, unit
from rag_embed.protocols import Histories, Retriever, Store
from rag_embed.ranking.legs import Z_EQUAL
from rag_embed.types import Hit, Part, Query, Scores

AFFINITY = "affinity"
"""Name of this evidence in explanations."""


@dataclass(frozen=True, slots=True)
class Affinity:
    """A `protocols.Retriever` that orders another's best hits anew.

    A hit's affinity is the mean cosine with the `nearest` of the user's values, in standard
    deviations of the corpus over `legs.Z_EQUAL`, the scale of the dense leg. Events of which the
    hit itself is the outcome say nothing new: leave their outcomes out of the search.

    Attributes:
        retriever: Finds candidates.
        store: Holds the chunks' vectors.
        histories: Where events come from.
        strength: Weight of the affinity; 0 changes nothing.
        nearest: Values that a hit is compared with, >= 1.
        prior: ``n / (n + prior)`` of the strength counts for n events.
        depth: So many hits are ordered anew and stay before the others, whatever ``k`` is.
        space: Of the vectors.

    Raises:
        BadInput: A parameter is out of range.
    """

    retriever: Retriever
    store: Store
    histories: Histories
    strength: float = 0.0
    nearest: int = 3
    prior: float = 10.0
    depth: int = 40
    space: str = "dense"

    def __post_init__(self) -> None:
        if self.nearest < 1 or self.depth < 1 or not self.prior >= 0:
            raise BadInput(
                "Affinity takes nearest >= 1, depth >= 1 and prior >= 0, "
                f"got {self.nearest}, {self.depth} and {self.prior}."
            )

    def retrieve(self, queries: Sequence[Query], /) -> list[list[Hit]]:
        """See `protocols.Retriever`."""
        users = {query.user for query in queries if query.user is not None and query.k}
        known = {user: self.histories.history(user) for user in users} if self.strength else {}
        liked = {user: history.values for user, history in known.items() if len(history)}
        deep = [
            replace(query, k=max(query.k, self.depth)) if query.k and query.user in liked else query
            for query in queries
        ]
        found = self.retriever.retrieve(deep)
        if not liked:
            return found
        view = self.store.view()
        wanted = {
            h.id for q, hits in zip(queries, found, strict=True) if q.user in liked for h in hits
        }
        ids = sorted(wanted)
        rows = dict(zip(ids, view.vectors(self.space, ids), strict=True))
        return [
            self._ordered(hits, liked[query.user], rows, view.moments(self.space, query.user))[
                : query.k
            ]
            if query.user in liked
            else hits
            for query, hits in zip(queries, found, strict=True)
        ]

    def _ordered(
        self, hits: list[Hit], values: Scores, rows: Mapping[str, Scores], moments: Moments
    ) -> list[Hit]:
        first, rest = hits[: self.depth], hits[self.depth :]
        if not first:
            return hits
        raw, z = self._affinity(np.stack([rows[hit.id] for hit in first]), values, moments)
        weight = self.strength * shrunk(len(values), self.prior)
        parts = [
            Part(AFFINITY, float(r), float(n), weight)
            for r, n in zip(raw, z / Z_EQUAL, strict=True)
        ]
        first = [
            replace(hit, score=hit.score + part.contribution, parts=(*hit.parts, part))
            for hit, part in zip(first, parts, strict=True)
        ]
        order = best([hit.id for hit in first], np.array([hit.score for hit in first]), len(first))
        return [first[i] for i in order] + rest

    def _affinity(self, rows: Scores, values: Scores, moments: Moments) -> tuple[Scores, Scores]:
        """Mean cosine with the nearest values, and the same in standard deviations of the corpus."""
        cosines = values @ rows.T
        top = min(self.nearest, len(values))
        nearest = -np.partition(-cosines, top - 1, axis=0)[:top]
        raw = nearest.mean(axis=0).astype(np.float32)
        mean = unit(values.mean(axis=0, dtype=np.float64)[None])[0]
        return raw, moments.z(mean, raw)
