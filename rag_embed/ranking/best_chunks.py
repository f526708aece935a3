"""`BestChunks`: whole documents, each by its best few chunks.

An index of chunks with ``group_by="document"`` is max-sim over windows: a document is as good as its
best chunk. Long documents that are about the query have more than one good chunk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rag_embed.errors import BadInput
from rag_embed.maths.vectors import best
from rag_embed.protocols import Retriever
from rag_embed.types import Hit, Query

_SIBLINGS = 4


@dataclass(frozen=True, slots=True)
class BestChunks:
    """A `protocols.Retriever` of documents over one of chunks.

    A document's score is the mean of its ``take`` best chunks; those it lacks among the candidates
    count as the last candidate. Its hit is its best chunk, the others are siblings.

    Attributes:
        retriever: Finds chunks, for example ``index.retriever``.
        take: Chunks that count, >= 1; with 1 it is max-sim.
        pool: Candidates, the same for every ``k``. A document none of whose chunks is among them
            is found only where fewer than ``k`` others are, behind all of these.

    Raises:
        BadInput: A number is out of range.

    Examples:
        >>> from rag_embed import Document, Index
        >>> from rag_embed.encoders import HashEncoder
        >>> index = Index.in_memory(encoder=HashEncoder(), chunk_tokens=4)
        >>> index.add([Document("a", "A red fox. A red fox runs."), Document("b", "A red sea.")]).added
        2
        >>> hits = BestChunks(index.retriever).retrieve([Query("red fox")])[0]
        >>> [hit.chunk.doc_id for hit in hits]
        ['a', 'b']
    """

    retriever: Retriever
    take: int = 2
    pool: int = 400

    def __post_init__(self) -> None:
        if self.take < 1 or self.pool < self.take:
            raise BadInput(f"Expected 1 <= take <= pool, got {self.take} and {self.pool}.")

    def retrieve(self, queries: Sequence[Query], /) -> list[list[Hit]]:
        """See `protocols.Retriever`; hits are documents, whatever ``group_by`` says."""
        found: list[list[Hit]] = [[] for _ in queries]
        pool = self.pool
        open_ = [i for i, query in enumerate(queries) if query.k]
        while open_:
            deep = [
                replace(queries[i], k=pool, group_by="chunk", diversity=0.0, min_relevance=0.0)
                for i in open_
            ]
            short = []
            for i, hits in zip(open_, self.retriever.retrieve(deep), strict=True):
                known = {hit.chunk.doc_id for hit in found[i]}
                found[i] += [hit for hit in self._documents(hits) if hit.chunk.doc_id not in known]
                if len(found[i]) < queries[i].k and len(hits) == pool:
                    short.append(i)
            open_, pool = short, pool * 4
        return [
            [hit for hit in hits if hit.relevance >= query.min_relevance][: query.k]
            for query, hits in zip(queries, found, strict=True)
        ]

    def _documents(self, hits: list[Hit]) -> list[Hit]:
        groups: dict[str, list[Hit]] = {}
        for hit in hits:
            groups.setdefault(hit.chunk.doc_id, []).append(hit)
        ids = list(groups)
        floor = hits[-1].score if hits else 0.0
        scores = np.array([self._score(groups[id], floor) for id in ids])
        return [
            replace(
                groups[ids[i]][0],
                score=float(scores[i]),
                siblings=tuple(hit.chunk for hit in groups[ids[i]][1 : 1 + _SIBLINGS]),
            )
            for i in best(ids, scores, len(ids))
        ]

    def _score(self, group: list[Hit], floor: float) -> float:
        counted = [hit.score for hit in group[: self.take]]
        return (sum(counted) + floor * (self.take - len(counted))) / self.take
