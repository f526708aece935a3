"""The default relevance curve: fitted anew, what one threshold is worth, and in corpora of any size.

*Fit*: to the best hits of questions of each set and of questions that it cannot answer, in corpora drawn from
it and in the whole, of one half of all questions; reported on the other half, which shares no answering
document.
*Sets*: average precision is of all (query, hit) pairs of the 20 best hits, sorted by one number; the AUC says
how well the best hit's number tells a set's own questions from those of another set. *Sizes*: questions of the
reported half, each with one chunk that answers it and ``n - 1`` chunks that do not, drawn at random: the
relevance of that chunk there and in the whole set. Questions of another set must stay low.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from benchmarks.common import Bench, Suite, choosing
from benchmarks.records import Table
from benchmarks.suites._relevance_fit import Best, bests, curves
from benchmarks.suites._relevance_sizes import FOREIGN, sizes
from rag_embed import evaluation as ev
from rag_embed.protocols import Retriever
from rag_embed.types import DENSE, Hit, Query

DEPTH = 20


def fit(bench: Bench) -> Iterator[Table]:
    known = bests(bench)
    reported = [one for one in known if one.reported]
    made = curves([one for one in known if not one.reported])
    columns = {name: ".2f" for name in ("score", "cosine", "level", "intercept")}
    yield Table(
        "curves", {"": "", **columns}, [[name, *one.values()] for name, one in made.items()]
    )
    rows: list[list[Any]] = []
    for name, curve in made.items():
        found = {one: curve_of(curve, one) for one in reported}
        for size in sorted({one.size for one in reported}):
            here = [one for one in reported if one.size == size]
            rows.append([name, size or "whole", *shares(here, found)])
    columns = {"Brier": ".3f", "right hits": ".2f", "below .1": ".1%"}
    more = {"questions of another set": ".2f", "above .1": ".0%", "above .5": ".1%"}
    yield Table("best hits", {"": "", "chunks": "", **columns, **more}, rows)


def curve_of(curve: Mapping[str, float], one: Best) -> float:
    weighed = sum(curve[name] * value for name, value in one.features.items())
    return float(1 / (1 + np.exp(-(weighed + curve["intercept"]))))


def shares(here: Sequence[Best], found: Mapping[Best, float]) -> Iterator[float]:
    right = np.array([found[one] for one in here if one.answers])
    foreign = np.array([found[one] for one in here if one.foreign])
    yield float(np.mean([(found[one] - one.answers) ** 2 for one in here]))
    yield from (float(right.mean()), float((right < 0.1).mean()))
    yield from (float(foreign.mean()), float((foreign > 0.1).mean()), float((foreign > 0.5).mean()))


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
    held = np.flatnonzero(~choosing(collection)).tolist()
    ids = [collection.judged[i] for i in held]
    own = retriever.retrieve([collection.query(id, DEPTH) for id in ids])
    right = [
        hit.chunk.doc_id in collection.qrels[id]
        for id, hits in zip(ids, own, strict=True)
        for hit in hits
    ]
    other = retriever.retrieve([Query(text, DEPTH) for text in foreign])
    best = [numbers(hits) for hits in [*own, *other]]
    answerable = [True] * len(own) + [False] * len(other)
    for name, values in numbers([hit for hits in own for hit in hits]).items():
        level = roc_auc_score(answerable, [max(one[name]) for one in best])
        yield name, float(average_precision_score(right, values)), float(level)


def sets(bench: Bench) -> Iterator[Table]:
    rows: list[list[Any]] = []
    for name in bench.sets:
        other = bench.collection(FOREIGN[name])
        held = np.flatnonzero(~choosing(other)).tolist()[: bench.options.foreign]
        foreign = [other.queries[other.judged[i]] for i in held]
        collection = bench.collection(name)
        rows += [
            [name, *one] for one in measured(bench.whole(collection).retriever, collection, foreign)
        ]
        bench.say(f"{name}: done")
    columns = {"set": "", "number": "", "average precision": ".3f"}
    yield Table("relevance", {**columns, "answerable or not, AUC": ".3f"}, rows)


SUITE = Suite(
    {"fit": fit, "sets": sets, "sizes": sizes},
    sets=tuple(FOREIGN),
    options={
        "--queries": {"type": int, "default": 60, "help": "questions of a set, for sizes"},
        "--foreign": {"type": int, "default": 200, "help": "questions of a set, for fit and sets"},
    },
)
