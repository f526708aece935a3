"""From a query to hits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from rag_embed.types import Hit, Query, Route, Scores, Vectors


class Retriever(Protocol):
    """Finds. Implementations: `rag_embed.ranking`, and anything that wraps one."""

    def retrieve(self, queries: Sequence[Query], /) -> list[list[Hit]]:
        """Hits per query, best first, at most ``query.k``."""
        ...


class Reranker(Protocol):
    """Looks again at what was found. Implementations: `rag_embed.ranking`, `rag_embed.encoders`."""

    def rerank(self, query: Query, hits: Sequence[Hit], /) -> Scores:
        """One score per hit, in order: higher is better, on any scale; hits may be none."""
        ...


class Router(Protocol):
    """Decides how much each leg counts. Implementations: `rag_embed.routing`."""

    def route(self, queries: Sequence[Query], vectors: Vectors, /) -> list[Route]:
        """One route per query.

        Args:
            queries: What is asked.
            vectors: ``(len(queries), dim)`` unit rows, by the base encoder of the index.
        """
        ...


class QueryTransform(Protocol):
    """Changes what is asked. Implementations: `personal.bend.Bend`."""

    def transform(self, queries: Sequence[Query], /) -> list[Query]:
        """One query per query, in order; a query that stays as it is is the very same object."""
        ...
