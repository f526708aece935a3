"""From a query to hits."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol, runtime_checkable

from rag_embed.filters import Filter
from rag_embed.protocols.viewing import View
from rag_embed.types import Hit, Query, Route, Scores, Signature, TokenRows, Vectors


@runtime_checkable
class Retriever(Protocol):
    """Finds. Implementations: `rag_embed.ranking`, and anything that wraps one."""

    def retrieve(self, queries: Sequence[Query], /) -> list[list[Hit]]:
        """Hits per query, best first, at most ``query.k``."""
        ...


class Answers(Protocol):
    """What one leg says about a batch of queries."""

    def top(self, where: Sequence[Filter | None], n: int, /) -> list[tuple[list[str], Scores]]:
        """Per query: ids and raw scores of its ``n`` best chunks, best first.

        Args:
            where: One filter per query. It also keeps out what belongs to other users, so a chunk that
                does not match must not be returned.
            n: How many at most. Fewer are a prefix of more; fewer than ``n`` say that there are no
                others.
        """
        ...

    def score(self, ids: Sequence[Sequence[str]], /) -> list[Scores]:
        """Per query: raw scores of the given chunks, all finite. Called after `top`."""
        ...

    def normalise(self, query: int, raw: Scores, /) -> Scores:
        """Raw scores of one query on the common scale, in the same order. Called after `top`.

        On that scale the best lexical hit is 1, and 0 says nothing for or against a chunk.
        """
        ...


@runtime_checkable
class LevelledAnswers(Answers, Protocol):
    """Answers of a leg that knows what a chunk is worth by itself, not among the others of its query.

    A search looks for the method alone: `isinstance` of a Protocol takes a fiftieth of a millisecond.
    """

    def levels(self, query: int, ids: Sequence[str], /) -> Scores:
        """Of some chunks for one query, on one scale for all queries and corpora, in the same order."""
        ...


class Leg(Protocol):
    """A source of evidence that scores chunks for a query. Implementations: `rag_embed.ranking`.

    A leg can be a `VectorLeg` too.
    """

    @property
    def name(self) -> str:
        """Shown in explanations, and the key of its weight."""
        ...

    def ask(self, view: View, queries: Sequence[Query], /) -> Answers:
        """Prepare a batch of queries, encoding each once."""
        ...


@runtime_checkable
class VectorAnswers(Answers, Protocol):
    """Answers of a `VectorLeg`."""

    @property
    def rows(self) -> Vectors:
        """``(n, dim)`` unit vectors of the ``n`` queries."""
        ...


@runtime_checkable
class VectorLeg(Leg, Protocol):
    """A leg that compares vectors: a router reads those of its queries, diversity those of chunks."""

    @property
    def space(self) -> str:
        """Space of the store that holds the vectors of the chunks."""
        ...

    def ask(self, view: View, queries: Sequence[Query], /) -> VectorAnswers:
        """Prepare a batch of queries, encoding each once."""
        ...


@runtime_checkable
class TokensRead(Protocol):
    """Answers of a leg that read the tokens of its queries on the way."""

    @property
    def tokens(self) -> Mapping[str, TokenRows]:
        """Tokens of the queries, by text; of some of them."""
        ...


class Evidence(Protocol):
    """What a second stage says about the best candidates of a batch of queries."""

    def score(self, query: int, ids: Sequence[str], /) -> Scores | None:
        """Raw scores of the given chunks, all finite; None where it has nothing to say."""
        ...

    def normalise(self, query: int, raw: Scores, /) -> Scores:
        """Raw scores of one query on the common scale, see `Answers.normalise`."""
        ...


class SecondStage(Protocol):
    """Looks again at the best candidates of all legs, and adds to their scores.

    Implementations: `ranking.token_evidence.TokenStage`.
    """

    @property
    def name(self) -> str:
        """Shown in explanations, and the key of its weight."""
        ...

    def ask(
        self, view: View, queries: Sequence[Query], answers: Mapping[str, Answers], /
    ) -> Evidence:
        """Prepare a batch of queries.

        Args:
            view: The version that is searched.
            queries: What is asked.
            answers: What the legs answered, by name, to use what they computed: see `TokensRead`. A
                leg may have been asked about other queries of the batch.
        """
        ...


class Reranker(Protocol):
    """Looks again at what was found. Implementations: `rag_embed.ranking`, `rag_embed.encoders`."""

    def rerank(self, query: Query, hits: Sequence[Hit], /) -> Scores | None:
        """One score per hit, in order: higher is better, on any scale; hits may be none.

        None where there is nothing to say about the query: its hits stay as they are.
        """
        ...


class Router(Protocol):
    """Decides how much legs and second stages count. Implementations: `rag_embed.routing`.

    ``index.experts.router = router`` is all it takes. One that was learned from examples can also be a
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
