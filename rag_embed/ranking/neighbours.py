"""`Neighbours`: in a talk, the turn before or after a good hit is often the one that was meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from rag_embed.errors import BadInput
from rag_embed.maths.vectors import best
from rag_embed.protocols import Retriever, Store, View
from rag_embed.types import Chunk, Hit, Part, Query

NEIGHBOURS = "neighbours"
"""Name of this evidence in explanations."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """A `protocols.Retriever` that orders another's best hits anew: ``s_i + strength * max(s_j, 0)``.

    ``j`` are the chunks before and after ``i`` in its document; one that is not among
    the first ``depth`` counts 0. Keep
    each talk as one document whose chunks are turns.

    Attributes:
        retriever: Finds candidates.
        store: Knows which chunk is next to which.
        strength: 0 changes nothing; .3 was measured to gain on dialogue.
        depth: So many hits are ordered anew and stay before the others, whatever ``k`` is.

    Raises:
        BadInput: ``depth`` is below 1.
    """

    retriever: Retriever
    store: Store
    strength: float = 0.0
    depth: int = 100

    def __post_init__(self) -> None:
        if self.depth < 1:
            raise BadInput(f"Neighbours takes depth >= 1, got {self.depth}.")

    def retrieve(self, queries: Sequence[Query], /) -> list[list[Hit]]:
        """See `protocols.Retriever`.

        Raises:
            BadInput: A query asks for documents: only chunks have neighbours.
        """
        if self.strength == 0:
            return self.retriever.retrieve(queries)
        if any(query.group_by != "chunk" for query in queries):
            raise BadInput("Neighbours orders chunks; ask with group_by='chunk'.")
        deep = [replace(q, k=max(q.k, self.depth)) if q.k else q for q in queries]
        view, found = self.store.view(), self.retriever.retrieve(deep)
        beside = _beside(view, {hit.chunk.doc_id for hits in found for hit in hits})
        pairs = zip(queries, found, strict=True)
        return [self._ordered(hits, beside)[: query.k] for query, hits in pairs]

    def _ordered(self, hits: list[Hit], beside: Mapping[str, list[str]]) -> list[Hit]:
        first, rest = hits[: self.depth], hits[self.depth :]
        scores = {hit.id: hit.score for hit in first}
        raised = []
        for hit in first:
            near = max((scores.get(id, 0.0) for id in beside.get(hit.id, [])), default=0.0)
            part = Part(NEIGHBOURS, near, max(near, 0.0), self.strength)
            raised.append(
                replace(hit, score=hit.score + part.contribution, parts=(*hit.parts, part))
            )
        order = best([hit.id for hit in raised], np.array([h.score for h in raised]), len(raised))
        return [raised[i] for i in order] + rest


def _beside(view: View, doc_ids: set[str]) -> dict[str, list[str]]:
    """Chunk id -> ids of those before and after it."""
    found: dict[str, list[str]] = {}
    for doc_id in doc_ids:
        chunks: list[Chunk] = view.document_chunks(doc_id)
        for one, other in pairwise(chunks):
            found.setdefault(one.id, []).append(other.id)
            found.setdefault(other.id, []).append(one.id)
    return found
