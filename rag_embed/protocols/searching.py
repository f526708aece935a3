"""From a query to hits."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol, runtime_checkable

from rag_embed.types import Hit, Query, Route, Scores, Signature, Vectors


class Retriever(Protocol):
    """Finds. Implementations: `rag_embed.ranking`, and anything that wraps one."""

    def retrieve(self, queries: Sequence[Query], /) -> list[list[Hit]]:
        """Hits per query, best first, at most ``query.k``."""
        ...


class Reranker(Protocol):
    """Looks again at what was found. Implementations: `rag_embed.ranking`, `rag_embed.encoders`."""

    def rerank(self, query: Query, hits: Sequence[Hit], /) -> Scores | None:
        """One score per hit, in order: higher is better, on any scale; hits may be none.

        None where there is nothing to say about the query: its hits stay as they are.
        """
        ...


class Router(Protocol):
    """Decides how much each leg counts. Implementations: `rag_embed.routing`.

    ``index.router = router`` is all it takes. One that was learned from examples can also be a
    `LearnedRouter`.
    """

    def route(self, queries: Sequence[Query], vectors: Vectors, /) -> list[Route]:
        """One route per query.

        Args:
            queries: What is asked; each has a text.
            vectors: ``(len(queries), dim)`` unit rows, by the base encoder of the index.
        """
        ...


@runtime_checkable
class LearnedRouter(Router, Protocol):
    """A router that an index asks to fit its legs, and to forget with it."""

    def fitting(self, mixture: Mapping[str, float], base: Signature, /) -> Router:
        """The router for these legs, without experts that are gone or disabled.

        Args:
            mixture: Default weight of everything that can have one: legs, and token evidence.
            base: Signature of the base encoder of the index.

        Raises:
            SpaceMismatch: It was learned with another base encoder.
            BadInput: It was learned beside another default mixture.
        """
        ...

    def without_documents(self, ids: Collection[str], /) -> Router | None:
        """The router without what it learned from these documents; None when nothing is left."""
        ...


class QueryTransform(Protocol):
    """Changes what is asked. Implementations: `personal.bend.Bend`."""

    def transform(self, queries: Sequence[Query], /) -> list[Query]:
        """One query per query, in order; a query that stays as it is is the very same object."""
        ...
