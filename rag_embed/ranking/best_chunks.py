"""`BestChunks`: whole documents, each by its best few chunks.

An index of chunks with ``group_by="document"`` is max-sim over windows: a document is as good as its
best chunk. Long documents that are about the query have more than one good chunk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rag_embed.arguments import set_counts
from rag_embed.types import Hit, Query, Scores


@dataclass(frozen=True, slots=True)
class BestChunks:
    """A `protocols.Reranker`: every hit scores the mean of its document's ``take`` best hits.

    Those that a document lacks among the hits count as the last hit. Ask `ranking.rerank.Reranked` for
    documents, with a ``depth`` of some hundred chunks and ``spread=False``.

    Attributes:
        take: Chunks that count, >= 1; with 1 it is max-sim.

    Raises:
        BadInput: ``take`` is out of range.

    Examples:
        >>> from rag_embed import Document, Index
        >>> from rag_embed.encoders import HashEncoder
        >>> from rag_embed.ranking.rerank import Reranked
        >>> index = Index.in_memory(encoder=HashEncoder(), chunk_tokens=4)
        >>> index.add([Document("a", "A red fox. A red fox runs."), Document("b", "A red sea.")]).added
        2
        >>> documents = Reranked(index.retriever, BestChunks(), depth=400, spread=False)
        >>> hits = documents.retrieve([Query("red fox", group_by="document")])[0]
        >>> [hit.chunk.doc_id for hit in hits]
        ['a', 'b']
    """

    take: int = 2

    def __post_init__(self) -> None:
        set_counts(self, 1, "take")

    def rerank(self, query: Query, hits: Sequence[Hit], /) -> Scores | None:
        """See `protocols.Reranker`."""
        own: dict[str, list[float]] = {}
        for hit in sorted(hits, key=lambda hit: hit.score, reverse=True):
            own.setdefault(hit.chunk.doc_id, []).append(hit.score)
        last = min((hit.score for hit in hits), default=0.0)
        means = {
            id: (sum(some[: self.take]) + last * max(self.take - len(some), 0)) / self.take
            for id, some in own.items()
        }
        return np.array([means[hit.chunk.doc_id] for hit in hits], dtype=np.float32)
