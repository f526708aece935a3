"""What a search finds for labelled queries: the lists that a re-ranker is trained and measured on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from rag_embed.index import Index
from rag_embed.maths.metrics import ndcg
from rag_embed.ranking.rerank import Reranked
from rag_embed.training.corpus import K
from rag_embed.training.pairs import Pair
from rag_embed.types import Hit, Query, Scores

_BATCH = 32
"""Queries that are asked at once."""


@dataclass(frozen=True, slots=True, eq=False)
class FoundHits:
    """A labelled query with its first hits.

    Attributes:
        query: What was asked, by nobody in particular.
        hits: ``n`` of them, best first, without what is neither right nor wrong.
        right: ``(n,)`` whether each answers it.
        answers: Ids of the documents that answer it, found or not.
    """

    query: Query
    hits: tuple[Hit, ...]
    right: npt.NDArray[np.bool_]
    answers: frozenset[str]

    def ndcg(self, raw: Scores | None = None, weight: float | None = None) -> float:
        """nDCG@10 by documents, as found or in the order of `ranking.Reranked`.

        Args:
            raw: ``(n,)`` what a re-ranker says of the hits; None leaves them as found.
            weight: How much that counts.
        """
        hits: Sequence[Hit] = self.hits
        if raw is not None and hits:
            again = Reranked(_Kept(self.hits), _Said(raw), len(self.hits), weight, spread=False)
            [hits] = again.retrieve([replace(self.query, k=len(self.hits))])
        ranked = list(dict.fromkeys(hit.chunk.doc_id for hit in hits))[:K]
        return ndcg(ranked, dict.fromkeys(self.answers, 1), K)


def found_hits(index: Index, pairs: Sequence[Pair], depth: int) -> list[FoundHits]:
    """Ask an index for labelled queries, as a stranger does: nobody's private documents are found.

    Args:
        index: Is asked as `Index.search` asks it.
        pairs: Their chunks are those of the index.
        depth: Hits per query at most.
    """
    view = index.store.view()
    found = []
    for start in range(0, len(pairs), _BATCH):
        some = pairs[start : start + _BATCH]
        lists = index.retriever.retrieve([Query(pair.query, depth) for pair in some])
        for pair, hits in zip(some, lists, strict=True):
            ignored, right = set(pair.ignored), set(pair.chunks)
            kept = tuple(_read(hit, pair) for hit in hits if hit.id not in ignored)
            found.append(
                FoundHits(
                    Query(pair.query, depth),
                    kept,
                    np.array([hit.id in right for hit in kept], dtype=bool),
                    frozenset(chunk.doc_id for chunk in view.chunks(pair.chunks)),
                )
            )
    return found


def _read(hit: Hit, pair: Pair) -> Hit:
    """A hit; what a query was cut out of, without the query."""
    if pair.text and hit.id == pair.chunks[0]:
        return replace(hit, chunk=replace(hit.chunk, text=pair.text))
    return hit


@dataclass(frozen=True, slots=True)
class _Kept:
    """A retriever that finds what was found."""

    hits: tuple[Hit, ...]

    def retrieve(self, queries: Sequence[Query], /) -> list[list[Hit]]:
        return [list(self.hits[: query.k]) for query in queries]


@dataclass(frozen=True, slots=True, eq=False)
class _Said:
    """A re-ranker that says what was said."""

    raw: Scores

    def rerank(self, query: Query, hits: Sequence[Hit], /) -> Scores:
        return self.raw
