"""The default relevance curve: fitted anew, what one threshold is worth, and in corpora of any size.

*Sets*: fitted on 1,000 questions of ``squad_train`` and 1,000 of ``cosqa`` that it cannot answer; reported on
other sets. Average precision is of all (query, hit) pairs of the 20 best hits, sorted by one number; the AUC
says how well the best hit's number tells a set's own questions from those of another set. *Sizes*: questions
of the half on which nothing was chosen, each with one chunk that answers it and ``n - 1`` chunks that do not,
drawn at random: the relevance of that chunk there and in the whole set. Questions of another set must stay low.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from benchmarks.common import Bench, Suite
from benchmarks.records import Table
from benchmarks.suites._relevance_sizes import FOREIGN, sizes
from rag_embed import evaluation as ev
from rag_embed.protocols import Retriever
from rag_embed.ranking.relevance import Calibration
from rag_embed.tuning import calibrated
from rag_embed.types import DENSE, Hit, Query

REPORTED = {"scifact": "cranfield", "anthropic_docs": "cosqa", "chroma_chunks": "scifact"}
"""Set -> the set whose questions it cannot answer."""

DEPTH = 20


def texts(collection: ev.Collection, count: int) -> list[str]:
    ids = list(collection.judged)
    return [collection.queries[ids[i]] for i in np.random.default_rng(0).permutation(len(ids))][
        :count
    ]


def fitted(bench: Bench) -> Calibration:
    own = bench.collection("squad_train")
    index = bench.whole(own)
    ids = {own.queries[id]: id for id in own.judged}
    judged = {
        text: [document for document, grade in own.qrels[ids[text]].items() if grade]
        for text in texts(own, 1000)
    }
    foreign: dict[str, list[str]] = {text: [] for text in texts(bench.collection("cosqa"), 1000)}
    verdict = calibrated(index, ev.Collection.of({**judged, **foreign}))
    index.apply(replace(verdict, kept=True))
    assert index.experts.calibration is not None
    return index.experts.calibration


def numbers(hits: Sequence[Hit]) -> dict[str, list[float]]:
    dense = [next(part for part in hit.parts if part.leg == DENSE) for hit in hits]
    return {
        "cosine": [part.raw for part in dense],
        "dense z": [part.normalised for part in dense],
        "fused score": [hit.score for hit in hits],
        "relevance": [hit.relevance for hit in hits],
    }


def measured(
    retriever: Retriever, collection: ev.Collection, foreign: Sequence[str]
) -> Iterator[tuple[str, float, float]]:
    own = retriever.retrieve([collection.query(id, DEPTH) for id in collection.judged])
    right = [
        hit.chunk.doc_id in collection.qrels[id]
        for id, hits in zip(collection.judged, own, strict=True)
        for hit in hits
    ]
    other = retriever.retrieve([Query(text, DEPTH) for text in foreign])
    best = [numbers(hits) for hits in [*own, *other]]
    answerable = [True] * len(own) + [False] * len(other)
    for name, values in numbers([hit for hits in own for hit in hits]).items():
        level = roc_auc_score(answerable, [max(one[name]) for one in best])
        yield name, float(average_precision_score(right, values)), float(level)


def sets(bench: Bench) -> Iterator[Table]:
    calibration = fitted(bench)
    bench.say(f"fitted: {asdict(calibration)}")
    rows: list[list[Any]] = []
    for name in filter(REPORTED.get, bench.sets):
        collection = bench.collection(name)
        retriever = replace(bench.whole(collection).experts.hybrid(), calibration=calibration)
        foreign = texts(bench.collection(REPORTED[name]), 500)
        rows += [[name, *one] for one in measured(retriever, collection, foreign)]
    columns = {"set": "", "number": "", "average precision": ".3f"}
    yield Table("relevance", {**columns, "answerable or not, AUC": ".3f"}, rows)


SUITE = Suite(
    {"sets": sets, "sizes": sizes},
    sets=tuple(FOREIGN),
    options={"--queries": {"type": int, "default": 60, "help": "questions of a set, for sizes"}},
)
