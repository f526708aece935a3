"""Run systems over a collection and keep every query's scores.

A system is any callable from query texts to ranked document ids, so anything can be measured,
also what is not a retriever of this library. Comparing the outcomes is the business of
`rag_embed.evaluation.significance`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol, runtime_checkable

import numpy as np

from rag_embed.arguments import check_is, count
from rag_embed.errors import BadInput, class_of
from rag_embed.evaluation.collection import Collection
from rag_embed.evaluation.outcomes import Evaluation, Found, Outcome
from rag_embed.filters import Filter
from rag_embed.maths.metrics import Metric
from rag_embed.protocols import Retriever
from rag_embed.types import Grouping, OnProgress, Progress, Query

DEFAULT_METRICS = ("ndcg@10", "recall@10", "recall@100", "mrr@10", "map@100")


class System(Protocol):
    """What is measured."""

    def __call__(self, queries: Sequence[str], /) -> Sequence[Sequence[str]]:
        """Per query text the ids of documents, best first, none twice."""
        ...


@runtime_checkable
class QuerySystem(System, Protocol):
    """A system that can also be told who asks, and what was said before."""

    def ranked(self, queries: Sequence[Query], /) -> Sequence[Sequence[str]]:
        """As `System`, for queries with their users and earlier turns."""
        ...


def from_retriever(
    retriever: Retriever,
    *,
    depth: int = 100,
    group_by: Grouping = "document",
    where: Filter | None = None,
    user: str | None = None,
    groups: Sequence[str] = (),
    min_relevance: float = 0.0,
    diversity: float = 0.0,
    fresh: float | timedelta | None = None,
    by: str = "",
) -> QuerySystem:
    """Make a system of a retriever: its hits' documents, each at its best rank.

    Asks for more hits until ``depth`` different documents are there or the retriever has no more.

    Args:
        retriever: What is measured.
        depth: Documents wanted, at least the ``depth`` of `evaluate`.
        group_by: How the retriever is asked; ``"chunk"`` ranks documents by their best chunk.
        where: Filter of every query.
        user: User of every query; each query's own by default.
        groups: Groups of whoever asks, of every query.
        min_relevance: As in `Query`.
        diversity: As in `Query`.
        fresh: As in `Query`.
        by: As in `Query`.
    """
    check_is("retriever", retriever, Retriever)
    asked = Query("", 0, where, user, min_relevance, diversity, group_by, groups=groups)
    return _Retrieved(retriever, depth, replace(asked, fresh=fresh, by=by))


@dataclass(frozen=True, slots=True)
class _Retrieved:
    """A `QuerySystem`; ``options`` is asked with each query's text, talk, and user where it has none."""

    retriever: Retriever
    depth: int
    options: Query

    def __call__(self, texts: Sequence[str], /) -> list[list[str]]:
        return self.ranked([Query(text) for text in texts])

    def ranked(self, queries: Sequence[Query], /) -> list[list[str]]:
        asked = [asked_as(self.options, query) for query in queries]
        found: list[list[str]] = [[] for _ in queries]
        open_ = list(range(len(queries)))
        k = self.depth
        while open_:
            again = []
            several = self.retriever.retrieve([replace(asked[i], k=k) for i in open_])
            for i, hits in zip(open_, several, strict=True):
                found[i] = list(dict.fromkeys(hit.chunk.doc_id for hit in hits))[: self.depth]
                # Fewer hits than asked for: there are no others.
                if len(found[i]) < self.depth and len(hits) >= k:
                    again.append(i)
            open_, k = again, 2 * k
        return found


def asked_as(options: Query, query: Query) -> Query:
    """Options with a query's text, talk, and user where they name none."""
    user = query.user if options.user is None else options.user
    return replace(options, text=query.text, user=user, previous=query.previous)


def evaluate(
    systems: Mapping[str, System],
    collection: Collection,
    *,
    metrics: Sequence[str] = DEFAULT_METRICS,
    depth: int = 100,
    batch: int = 32,
    progress: OnProgress | None = None,
) -> Evaluation:
    """Measure systems on the judged queries of a collection.

    Args:
        systems: What to measure, by the name shown in reports. One that is made by `from_retriever`
            is asked with each query's user and earlier turns.
        collection: Queries without a relevant document are left out, and counted.
        metrics: Like ``"ndcg@10"``; no cut-off may exceed ``depth``.
        depth: How long the systems' rankings are at least; no metric may look deeper.
        batch: Queries per call. The time per query is that of its batch over the batch size:
            use 1 to measure what a single caller waits.
        progress: Called per system before its first batch and after each; ``stage`` is its name.

    Raises:
        BadInput: Nothing to measure, a metric is unknown or deeper than ``depth``, or a system
            returns a wrong number of rankings, an id twice, or an id outside the corpus.

    Examples:
        >>> from rag_embed.types import Document
        >>> two = (Document("a", "first"), Document("b", "second"))
        >>> collection = Collection("tiny", two, {"q": "which"}, {"q": {"b": 1}})
        >>> run = evaluate({"fixed": lambda texts: [["a", "b"] for _ in texts]}, collection)
        >>> run.mean("fixed", "mrr@10")
        0.5
    """
    parsed = [Metric.parse(metric) for metric in metrics]
    _check(systems, collection, parsed, depth, batch)
    query_ids = collection.judged
    return Evaluation(
        collection.name,
        len(collection.documents),
        query_ids,
        len(collection.queries) - len(query_ids),
        depth,
        batch,
        {
            name: _measure(name, system, collection, parsed, batch, progress)
            for name, system in systems.items()
        },
        tuple(collection.queries[id_] for id_ in query_ids),
    )


def _check(
    systems: Mapping[str, System],
    collection: Collection,
    metrics: Sequence[Metric],
    depth: int,
    batch: int,
) -> None:
    if not systems:
        raise BadInput("No system to measure; give at least one as {name: system}.")
    for name, system in systems.items():
        if not callable(system):
            raise BadInput(
                f"System {name!r} is a function from queries to ids of documents, got {class_of(system)}; of a "
                "retriever from_retriever(...) makes one."
            )
    if not metrics:
        raise BadInput("No metric to measure; give at least one, like 'ndcg@10'.")
    if not collection.judged:
        raise BadInput(
            f"Collection {collection.name!r} has no query with a relevant document; "
            "nothing can be measured on it."
        )
    count("depth", depth)
    count("batch", batch)
    for metric in metrics:
        if metric.k > depth:
            raise BadInput(
                f"Metric {metric} looks deeper than the rankings, which end at depth={depth}; "
                f"raise depth to {metric.k} at least."
            )


def _measure(
    name: str,
    system: System,
    collection: Collection,
    metrics: Sequence[Metric],
    batch: int,
    progress: OnProgress | None,
) -> Outcome:
    known = {document.id for document in collection.documents}
    query_ids = collection.judged
    scores = np.empty((len(metrics), len(query_ids)))
    milliseconds = np.empty(len(query_ids))
    found: list[Found] = []
    if progress:
        progress(Progress(0, len(query_ids), name))
    for start in range(0, len(query_ids), batch):
        ids = query_ids[start : start + batch]
        queries = [collection.query(id_) for id_ in ids]
        began = time.perf_counter()
        if isinstance(system, QuerySystem):
            rankings = system.ranked(queries)
        else:
            rankings = system([query.text for query in queries])
        stop = start + len(ids)
        milliseconds[start:stop] = (time.perf_counter() - began) * 1000 / len(ids)
        if len(rankings) != len(ids):
            raise BadInput(
                f"System {name!r} got {len(ids)} queries and returned {len(rankings)} rankings; "
                "it must return one per query, an empty one where nothing is found."
            )
        for column, (id_, ranking) in enumerate(zip(ids, rankings, strict=True), start):
            _check_ranking(name, id_, ranking, known)
            scores[:, column] = [metric(ranking, collection.qrels[id_]) for metric in metrics]
            found.append(_found(ranking, collection.qrels[id_]))
        if progress:
            progress(Progress(stop, len(query_ids), name))
    by_metric = {str(metric): row for metric, row in zip(metrics, scores, strict=True)}
    return Outcome(by_metric, milliseconds, tuple(found))


def _found(ranking: Sequence[str], judged: Mapping[str, int]) -> Found:
    right = (place for place, id_ in enumerate(ranking, 1) if judged.get(id_, 0) > 0)
    return Found(next(iter(ranking), None), next(right, None))


def _check_ranking(name: str, query: str, ranking: Sequence[str], known: set[str]) -> None:
    if len(set(ranking)) != len(ranking):
        raise BadInput(
            f"System {name!r} returned a document twice for query {query!r}; "
            "keep each one's best rank only."
        )
    unknown = next((id_ for id_ in ranking if id_ not in known), None)
    if unknown is not None:
        raise BadInput(
            f"System {name!r} returned {unknown!r} for query {query!r}, which is no document of "
            "the collection; return document ids (not chunk ids) of the same corpus."
        )
