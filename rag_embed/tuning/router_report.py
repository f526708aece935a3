"""Measure routing: single experts, the default mixture, routers and oracles on the same answers.

All legs are asked once per query; every system only weighs what they said. Queries that share an
answering document with a pilot are refused, so that a report never contains what was learned from.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from rag_embed.errors import BadInput
from rag_embed.evaluation.collection import Collection, answers
from rag_embed.evaluation.outcomes import Evaluation, Outcome
from rag_embed.maths.metrics import Metric
from rag_embed.maths.routing import nearest
from rag_embed.ranking.hybrid import Hybrid
from rag_embed.routing.pilots import Pilots
from rag_embed.routing.router import Paper, PilotRouter
from rag_embed.tuning.candidates import Candidates, gathered, utilities
from rag_embed.types import Query, Route, Vectors

Row = npt.NDArray[np.float32]

BEST, DEFAULT, SOFT, PAPER, PAPER_MAX = "best single", "default", "soft", "paper", "paper (max)"
DATASET, DATASET_ORACLE, INSTANCE_ORACLE = "DatasetRouter", "DatasetOracle", "InstanceOracle"

_PER_DATASET = 100


@dataclass(frozen=True, slots=True, eq=False)
class Routed:
    """What was measured on one collection.

    Attributes:
        evaluation: Every system's scores; see `measure_routing`.
        vectors: ``(n, dim)`` the queries by the base encoder.
        routes: Of the soft router, one per query.
    """

    evaluation: Evaluation
    vectors: Vectors
    routes: tuple[Route, ...]


def measure_routing(
    hybrid: Hybrid,
    router: PilotRouter,
    collections: Sequence[Collection],
    *,
    metric: str = "ndcg@10",
    seed: int = 0,
    also: Mapping[str, PilotRouter] | None = None,
    known: Sequence[Sequence[Candidates]] | None = None,
) -> list[Routed]:
    """Measure a router beside everything it has to beat.

    Systems: each mixture of the pilots (usually each leg alone) by its name; ``best single``, the one
    of them that is best on the pilots; ``default``, the fixed mixture; ``DatasetRouter``, the expert of
    the source dataset of the nearest of 100 pilots a dataset (the paper's baseline); ``paper``
    and ``paper (max)``; ``soft``; and what no router can know: ``DatasetOracle``, the single expert
    that is best on the collection, and ``InstanceOracle``, the one best on each query.

    Args:
        hybrid: Its legs are the experts, its weights the default mixture.
        router: Its pilots and settings; both modes are measured whatever its own is.
        collections: Queries to report on, whose documents are in the index.
        metric: As in `maths.metrics`.
        seed: Of the pilots that the DatasetRouter draws.
        also: Further routers to measure, by the name to show.
        known: Per collection what the legs say of its judged queries, if that was `gathered` before;
            the time to ask them is then not in the report.

    Raises:
        BadInput: A query shares an answering document with a pilot, or nothing is judged.
    """
    name = str(Metric.parse(metric))
    asked: Sequence[Sequence[Candidates] | None] = known or [None] * len(collections)
    return [
        _measured(hybrid, router, collection, name, seed, also or {}, some)
        for collection, some in zip(collections, asked, strict=True)
    ]


def refuse_known(pilots: Pilots, collection: Collection) -> None:
    """Make sure that a collection can be reported on.

    Raises:
        BadInput: A query shares an answering document with a pilot.
    """
    for id, documents in answers(collection).items():
        if shared := documents & pilots.answered:
            raise BadInput(
                f"Query {id!r} of {collection.name!r} is answered by {min(shared)!r}, which answers a "
                "pilot too: figures from such queries reward memorising. Learn from one half and "
                "measure on the other; tuning.pilots.fitted returns both."
            )


def _measured(
    hybrid: Hybrid,
    router: PilotRouter,
    collection: Collection,
    metric: str,
    seed: int,
    also: Mapping[str, PilotRouter],
    known: Sequence[Candidates] | None,
) -> Routed:
    ids = collection.judged
    if not ids:
        raise BadInput(f"{collection.name!r} has no query with a relevant document.")
    pilots = router.pilots
    for one in (router, *also.values()):
        refuse_known(one.pilots, collection)
    queries = [Query(collection.queries[id]) for id in ids]
    judged = [collection.qrels[id] for id in ids]
    began = time.perf_counter()
    candidates = list(gathered(hybrid, queries) if known is None else known)
    asking = 1000 * (time.perf_counter() - began) / len(ids)
    vectors = np.stack([one.vector for one in candidates])
    single = utilities(candidates, judged, list(pilots.mixtures.values()), metric)
    spent: dict[str, float] = {}

    def routed(name: str, one: PilotRouter) -> tuple[Row, list[Route]]:
        began = time.perf_counter()
        routes = one.route(queries, vectors)
        spent[name] = 1000 * (time.perf_counter() - began) / len(ids)
        scores = [
            utilities([c], [j], [route.weights], metric)[0, 0]
            for c, j, route in zip(candidates, judged, routes, strict=True)
        ]
        return np.array(scores, dtype=np.float32), routes

    paper = replace(router.paper, aggregation="mean", margin=0.0)
    soft, routes = routed(SOFT, replace(router, mode="soft"))
    chosen = _by_dataset(pilots, vectors, seed)
    systems: Mapping[str, Row] = {
        **dict(zip(pilots.mixtures, single.T, strict=True)),
        BEST: single[:, _best(pilots.utilities, pilots.sources)],
        DEFAULT: utilities(candidates, judged, [hybrid.weights], metric)[:, 0],
        DATASET: single[np.arange(len(ids)), chosen],
        PAPER: routed(PAPER, replace(router, mode="paper", paper=paper))[0],
        PAPER_MAX: routed(PAPER_MAX, _max(router, paper))[0],
        SOFT: soft,
        **{name: routed(name, one)[0] for name, one in also.items()},
        DATASET_ORACLE: single[:, int(single.mean(axis=0).argmax())],
        INSTANCE_ORACLE: single.max(axis=1),
    }
    evaluation = Evaluation(
        collection.name,
        len(collection.documents),
        ids,
        len(collection.queries) - len(ids),
        hybrid.pool,
        len(ids),
        {
            name: Outcome(
                {metric: scores.astype(np.float64)},
                np.full(len(ids), asking + spent.get(name, 0.0)),
            )
            for name, scores in systems.items()
        },
    )
    return Routed(evaluation, vectors, tuple(routes))


def _max(router: PilotRouter, paper: Paper) -> PilotRouter:
    return replace(router, mode="paper", paper=replace(paper, aggregation="max"))


def _best(utilities: Row, sources: Sequence[str]) -> int:
    """The mixture with the best average over the sources' means."""
    names = np.array(sources)
    means = [utilities[names == name].mean(axis=0) for name in dict.fromkeys(sources)]
    return int(np.mean(means, axis=0).argmax())


def _by_dataset(pilots: Pilots, vectors: Vectors, seed: int) -> npt.NDArray[np.intp]:
    """The DatasetRouter's mixture for each query: that of the nearest drawn pilot's dataset."""
    names = np.array(pilots.sources)
    drawn: list[int] = []
    expert: list[int] = []
    for name in dict.fromkeys(pilots.sources):
        members = np.flatnonzero(names == name).tolist()
        some = random.Random(int(seed)).sample(members, min(_PER_DATASET, len(members)))
        drawn += some
        expert += [_best(pilots.utilities[members], [name] * len(members))] * len(some)
    near = vectors @ pilots.vectors[drawn].T
    return np.array([expert[nearest(row, 1)[0]] for row in near], dtype=np.intp)
