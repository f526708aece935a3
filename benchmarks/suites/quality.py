"""The default beside other fusions of the same two legs, and how its shape was chosen.

*Peers*: each set is indexed whole, a chunk per entry; the 100 best of both legs go to every peer. *Shape*:
``sign(z) * |z / scale|^power + bm25 / best`` for a grid of powers and scales, chosen on one half of each
set and reported on the other.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.common import AVERAGE, METRIC, NINE, Bench, Row, Suite, choosing
from benchmarks.peers import DEPTH, Legs, fusions
from benchmarks.records import Table
from rag_embed import Query
from rag_embed import evaluation as ev
from rag_embed.cli.evaluate import systems
from rag_embed.maths.metrics import ndcg
from rag_embed.types import DENSE, doc_id_of

OURS = "rag_embed"
POWERS, SCALES = (1.0, 1.5, 2.0, 2.5), (3.6, 4.0, 4.4, 4.8, 5.2)
POINTS = list(itertools.product(POWERS, SCALES))
NAMED = {(1.5, 4.8): "1.5 (default)", (1.0, 4.4): "1.0 (linear z)"}


def peers(bench: Bench) -> Iterator[Table]:
    evaluations = []
    for collection in bench.collections:
        index = bench.whole(collection)
        legs = Legs.of(index, [collection.queries[id] for id in collection.judged])
        measured = {**systems(index), **fusions(legs)}
        evaluations.append(ev.evaluate(measured, collection, depth=DEPTH))
        bench.say(f"{collection.name}: done")
    found = ev.compare(evaluations, OURS, METRIC)
    names = list(evaluations[0].systems)
    over = [one.collection for one in evaluations] + ([None] if len(evaluations) > 1 else [])
    rows: list[list[Any]] = []
    for name in over:
        some = [found.row(system, name) for system in names]
        rows.append([name or AVERAGE, some[0].queries, *map(_marked, some)])
    columns = {"collection": "", "queries": "d", **dict.fromkeys(names, ".3f")}
    yield Table("nDCG@10", columns, rows)
    differences = [(name, found.row(name, over[-1]).difference) for name in names]
    rows = [[name, [d.value, d.low, d.high], d.p] for name, d in differences if d]
    yield Table(f"less {OURS}", {"system": "", "difference": "+.3f", "p": ".4f"}, rows)


def _marked(row: ev.Row) -> Any:
    if row.difference is None or row.difference.p >= 0.05:
        return row.mean.value
    return ["▲" if row.difference.value > 0 else "▼", row.mean.value]


@dataclass(frozen=True)
class Candidates:
    """The union of both legs' best for one query, with the true scores of both."""

    ids: list[str]
    z: Row
    bm25: Row
    judged: dict[str, int]

    def ndcg(self, power: float, scale: float) -> float:
        fused = np.sign(self.z) * np.abs(self.z / scale) ** power + self.bm25
        order = np.argsort(-np.round(fused, 5), kind="stable")[:10]
        return ndcg([self.ids[i] for i in order], self.judged, 10)


def candidates(bench: Bench, collection: ev.Collection) -> Iterator[Candidates]:
    index = bench.whole(collection)
    view, queries = index.store.view(), [Query(collection.queries[id]) for id in collection.judged]
    legs = [leg.ask(view, queries) for leg in index.experts.hybrid().legs]
    tops = [leg.top([None] * len(queries), DEPTH) for leg in legs]
    pools = [list(dict.fromkeys([*a, *b])) for (a, _), (b, _) in zip(*tops, strict=True)]
    raw, words = (leg.score(pools) for leg in legs)
    moments, rows = view.moments(DENSE), index.spaces.own.encode_query([q.text for q in queries])
    for i, (id, pool) in enumerate(zip(collection.judged, pools, strict=True)):
        yield Candidates(
            [doc_id_of(one) for one in pool],
            moments.z(rows[i], raw[i]).astype(np.float64),
            words[i].astype(np.float64) / max(float(words[i].max(initial=0.0)), 1e-9),
            dict(collection.qrels[id]),
        )


def shape(bench: Bench) -> Iterator[Table]:
    asked = [list(candidates(bench, collection)) for collection in bench.collections]
    train = [choosing(collection) for collection in bench.collections]
    rows: list[list[Any]] = []
    for power, scale in POINTS:
        scores = [np.array([one.ndcg(power, scale) for one in some]) for some in asked]
        halves = [
            float(np.mean([s[t == first].mean() for s, t in zip(scores, train, strict=True)]))
            for first in (True, False)
        ]
        rows.append([NAMED.get((power, scale), str(power)), scale, *halves])
    rows.sort(key=lambda row: -row[2])
    columns = {"power": "", "scale": ".1f", "chosen on": ".4f", "reported on": ".4f"}
    yield Table("average nDCG@10", columns, rows)


SUITE = Suite({"peers": peers, "shape": shape}, sets=NINE)
