"""Choose the shape of the dense leg's normalisation on one half of the queries, report on the other.

    python benchmarks/fusion.py --data DATA [--work DIR] [--out results/fusion.json]

``score = sign(z) * |z / scale|^power + bm25 / best``, for a grid of powers and scales, nDCG@10 averaged over
nine sets. The halves of a set share no relevant document (``split_by_document``); ``limit_small``,
where all queries hang together, is split by query.
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from quality import SETS, indexed
from rich.console import Console
from rich.table import Table

from rag_embed import Query
from rag_embed import evaluation as ev
from rag_embed.errors import BadInput
from rag_embed.maths.metrics import ndcg
from rag_embed.types import doc_id_of

POWERS, SCALES = (1.0, 1.5, 2.0, 2.5), (3.6, 4.0, 4.4, 4.8, 5.2)
LINEAR = (1.0, 4.4)
"""0.65 * z / 8 + 0.35 * bm25 / best has this ratio of weights."""

POOL = 100
Row = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Candidates:
    """The union of both legs' best for one query, with both true scores."""

    ids: list[str]
    z: Row
    bm25: Row
    judged: dict[str, int]
    train: bool


def candidates(collection: ev.Collection, work: Path) -> list[Candidates]:
    """Ask both legs for their best, and each for its score of the other's."""
    index = indexed(collection, work)
    view = index.store.view()
    queries = [Query(collection.queries[id]) for id in collection.judged]
    dense, lexical = (leg.ask(view, queries) for leg in index.experts.hybrid().legs)
    tops = [leg.top([None] * len(queries), POOL) for leg in (dense, lexical)]
    pools = [list(dict.fromkeys([*a, *b])) for (a, _), (b, _) in zip(tops[0], tops[1], strict=True)]
    raw, words = dense.score(pools), lexical.score(pools)
    moments, rows = view.moments("dense"), index.spaces.own.encode_query([q.text for q in queries])
    train = training_half(collection)
    return [
        Candidates(
            [doc_id_of(id) for id in pool],
            moments.z(rows[i], raw[i]).astype(np.float64),
            words[i].astype(np.float64) / max(float(words[i].max(initial=0.0)), 1e-9),
            dict(collection.qrels[id]),
            id in train,
        )
        for i, (id, pool) in enumerate(zip(collection.judged, pools, strict=True))
    ]


def training_half(collection: ev.Collection) -> set[str]:
    try:
        return set(ev.split_by_document(collection, seed=0)[0].judged)
    except BadInput:
        return set(collection.judged[::2])


def measured(some: list[Candidates], power: float, scale: float) -> Row:
    """nDCG@10 of every query."""
    scores = np.empty(len(some))
    for i, one in enumerate(some):
        fused = np.sign(one.z) * np.abs(one.z / scale) ** power + one.bm25
        order = np.argsort(-np.round(fused, 5), kind="stable")[:10]
        scores[i] = ndcg([one.ids[j] for j in order], one.judged, 10)
    return scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--out", type=Path, default=Path("results/fusion.json"))
    parser.add_argument("--work", type=Path, help="keep the indexes here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = arguments.work or Path(scratch)
        sets = [
            candidates(ev.read_collection(arguments.data / name), work) for name in arguments.sets
        ]
    train = [np.array([one.train for one in some]) for some in sets]
    results = []
    for power, scale in itertools.product(POWERS, SCALES):
        scores = [measured(some, power, scale) for some in sets]
        halves = [
            float(
                np.mean([s[t if chosen else ~t].mean() for s, t in zip(scores, train, strict=True)])
            )
            for chosen in (True, False)
        ]
        means = {name: float(s.mean()) for name, s in zip(arguments.sets, scores, strict=True)}
        results.append(
            {"power": power, "scale": scale, "train": halves[0], "test": halves[1], **means}
        )
    best = max(results, key=lambda row: row["train"])
    table = Table("power", "scale", "chosen on", "reported on")
    for row in sorted(results, key=lambda row: -row["train"]):
        mark = (
            " <- chosen"
            if row is best
            else " <- linear"
            if (row["power"], row["scale"]) == LINEAR
            else ""
        )
        table.add_row(
            str(row["power"]), str(row["scale"]), f"{row['train']:.4f}", f"{row['test']:.4f}{mark}"
        )
    Console(width=100).print(table)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
