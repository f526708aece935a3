"""The default relevance curve: fitted anew, what one threshold is worth, and in corpora of any size.

*Fit*: to the best hits of questions of each set and of questions of others that it cannot answer, in corpora
drawn from it and in the whole, of one half of all questions; reported on the other half, which shares no
answering document, and on each set by curves that were fitted to the others.
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
from benchmarks.suites._relevance_fit import FACTS, WAYS, Best, bests, curve
from benchmarks.suites._relevance_sizes import FOREIGN, sizes
from benchmarks.suites._relevance_strangers import NOT_FITTED
from rag_embed import evaluation as ev
from rag_embed.protocols import Retriever
from rag_embed.types import DENSE, Hit, Query

DEPTH = 20


def fit(bench: Bench) -> Iterator[Table]:
    known = bests(bench)
    reported = [one for one in known if one.reported]
    chosen = [one for one in known if not one.reported and one.set not in NOT_FITTED]
    made = {way: curve(chosen, way) for way in WAYS}
    columns = {name: ".2f" for name in (*FACTS, "intercept")}
    yield Table(
        "curves", {"": "", **columns}, [[name, *one.values()] for name, one in made.items()]
    )
    rows: list[list[Any]] = []
    for name, one in made.items():
        for size in sorted({best.size for best in reported}):
            here = [best for best in reported if best.size == size]
            rows.append([name, size or "whole", *shares(here, one)])
    yield Table("best hits", {"": "", "chunks": "", **SHOWN}, rows)
    rows = []
    for set_ in dict.fromkeys(best.set for best in reported):
        rest = [best for best in chosen if best.set != set_]
        here = [best for best in reported if best.set == set_ and not best.size]
        for way in WAYS:
            rows.append([set_, way, *shares(here, curve(rest, way))])
    yield Table("left out", {"set": "", "": "", **SHOWN}, rows)


SHOWN = {
    **{"AUC": ".3f", "Brier": ".3f", "right hits": ".2f"},
    **{"unanswerable": ".2f", "above .1": ".0%", "above .5": ".1%"},
}
"""How well best hits of a set's own questions and of others are told apart; medians; shares of the others."""


def shares(here: Sequence[Best], curve: Mapping[str, float]) -> Iterator[float]:
    weighed = np.array([sum(curve[name] * one.features[name] for name in FACTS) for one in here])
    found = 1 / (1 + np.exp(-(weighed + curve["intercept"])))
    answers, foreign = (
        np.array([getattr(one, name) for one in here]) for name in ("answers", "foreign")
    )
    yield float(roc_auc_score(~foreign, found))
    yield float(np.mean((found - answers) ** 2))
    yield from (float(np.median(found[answers])), float(np.median(found[foreign])))
    yield from (float((found[foreign] > 0.1).mean()), float((found[foreign] > 0.5).mean()))


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
