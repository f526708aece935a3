"""What was measured: every query's scores and times, per system, as data that survives JSON.

Measuring lives in `rag_embed.evaluation.run`, comparing in `rag_embed.evaluation.significance`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from rag_embed.errors import BadInput
from rag_embed.maths.metrics import Metric

HIDDEN = ""
"""In place of a text or an id that whoever reads the figures may not see."""


@dataclass(frozen=True, slots=True)
class Found:
    """Where the answer of one query stands in what a system found.

    Attributes:
        first: Id of the document that came first, or `HIDDEN`; None where nothing was found.
        rank: Place of the first right document, from 1; None where it is not in the ranking.
    """

    first: str | None
    rank: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """One system on one collection; every array follows ``Evaluation.query_ids``.

    Attributes:
        scores: Per metric (``"ndcg@10"``) a ``(n_queries,)`` float64 array.
        milliseconds: ``(n_queries,)`` float64: the time of the query's batch over its size.
        found: Per query what came first and where the right one stands; empty where only scores are known.
    """

    scores: Mapping[str, npt.NDArray[np.float64]]
    milliseconds: npt.NDArray[np.float64]
    found: tuple[Found, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """Several systems on one collection.

    Attributes:
        collection: Its name.
        documents: Size of the corpus.
        query_ids: The queries measured.
        excluded: Queries left out because nothing relevant is known for them.
        depth: Length the rankings were asked for; no metric looks deeper.
        batch: Queries handed to a system at once.
        systems: Outcome per system name, in the order given.
        texts: Of the queries measured, or `HIDDEN`; empty where only scores are known.
    """

    collection: str
    documents: int
    query_ids: tuple[str, ...]
    excluded: int
    depth: int
    batch: int
    systems: Mapping[str, Outcome]
    texts: tuple[str, ...] = ()

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics that every system was measured with."""
        first, *others = [outcome.scores for outcome in self.systems.values()]
        return tuple(name for name in first if all(name in other for other in others))

    def scores(self, system: str, metric: str) -> npt.NDArray[np.float64]:
        """``(n_queries,)`` scores of a system.

        Raises:
            BadInput: The system or the metric was not measured.
        """
        if system not in self.systems:
            raise BadInput(
                f"System {system!r} was not measured on {self.collection!r}; "
                f"measured: {', '.join(self.systems)}."
            )
        scores = self.systems[system].scores
        name = str(Metric.parse(metric))
        if name not in scores:
            raise BadInput(
                f"Metric {name!r} was not measured on {self.collection!r}; "
                f"measured: {', '.join(scores)}."
            )
        return scores[name]

    def mean(self, system: str, metric: str) -> float:
        """Mean over the queries; raises as `scores` does."""
        return float(self.scores(system, metric).mean())

    def joined(self, other: Evaluation) -> Evaluation:
        """This evaluation with the systems of another one over the same queries.

        Raises:
            BadInput: Collection, queries or depth differ, or a system is in both.
        """
        for field in ("collection", "documents", "query_ids", "depth"):
            if getattr(self, field) != getattr(other, field):
                raise BadInput(
                    f"Evaluations can be joined when they measured the same; {field} differs. "
                    "Measure both systems in one call instead."
                )
        if both := self.systems.keys() & other.systems.keys():
            raise BadInput(f"System {min(both)!r} is in both evaluations; rename one of them.")
        return replace(self, systems={**self.systems, **other.systems})

    def to_dict(self) -> dict[str, Any]:
        """JSON-serialisable, with every query's scores; read back by `from_dict`."""
        return {
            "collection": self.collection,
            "documents": self.documents,
            "queries": len(self.query_ids),
            "excluded": self.excluded,
            "depth": self.depth,
            "batch": self.batch,
            "query_ids": list(self.query_ids),
            "texts": list(self.texts),
            "systems": {
                name: {
                    "means": {metric: self.mean(name, metric) for metric in outcome.scores},
                    "median_milliseconds": float(np.median(outcome.milliseconds)),
                    "scores": {metric: row.tolist() for metric, row in outcome.scores.items()},
                    "milliseconds": outcome.milliseconds.tolist(),
                    "found": [asdict(one) for one in outcome.found],
                }
                for name, outcome in self.systems.items()
            },
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Evaluation:
        """The inverse of `to_dict`.

        Raises:
            BadInput: An entry is missing, or a system's arrays do not fit the queries.
        """
        try:
            systems = {
                name: Outcome(
                    {m: np.array(row, dtype=np.float64) for m, row in entry["scores"].items()},
                    np.array(entry["milliseconds"], dtype=np.float64),
                    tuple(Found(**one) for one in entry.get("found", ())),
                )
                for name, entry in data["systems"].items()
            }
            query_ids = tuple(data["query_ids"])
            counts = {field: data[field] for field in ("documents", "excluded", "depth", "batch")}
            name, texts = data["collection"], tuple(data.get("texts", ()))
        except KeyError as error:
            raise BadInput(
                f"Expected an evaluation as to_dict() writes it, {error} is missing."
            ) from None
        if texts and len(texts) != len(query_ids):
            raise BadInput(
                f"There are {len(texts)} texts for {len(query_ids)} queries; the file was changed, "
                "measure again."
            )
        for system, outcome in systems.items():
            if outcome.found and len(outcome.found) != len(query_ids):
                raise BadInput(
                    f"System {system!r} has places of {len(outcome.found)} queries for "
                    f"{len(query_ids)}; the file was changed, measure again."
                )
            for row in (*outcome.scores.values(), outcome.milliseconds):
                if row.shape != (len(query_ids),):
                    raise BadInput(
                        f"System {system!r} has scores of shape {row.shape} for "
                        f"{len(query_ids)} queries; the file was changed, measure again."
                    )
        return cls(name, query_ids=query_ids, systems=systems, texts=texts, **counts)
