"""Token evidence: what it brings, and what it costs.

*Gain*: the default index, one hit per document. A weight is chosen on one half of each set's queries, the best
average among those that lose no set more than .01. *Costs*: index time, disk and query time, taking turns.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.common import (
    AVERAGE,
    NINE,
    Bench,
    Row,
    Suite,
    choosing,
    gain,
    mean,
    ndcgs,
    turns,
)
from benchmarks.records import Table
from rag_embed import Index, Query
from rag_embed import evaluation as ev
from rag_embed.maths.maxsim import maxsim, sign_bits
from rag_embed.stores.lance import LanceStore
from rag_embed.types import DENSE, TOKENS

DEFAULT = 0.125
LOSS = 0.01


def by_weight(bench: Bench, collection: ev.Collection) -> dict[float, Row]:
    """nDCG@10 of every query."""
    hybrid, ids = bench.chunked(collection).experts.hybrid(), collection.judged
    queries = [Query(collection.queries[id], group_by="document") for id in ids]
    found = {}
    for weight in sorted({0.0, DEFAULT, *bench.options.weights}):
        system = replace(hybrid, weights={**hybrid.weights, TOKENS: weight})
        found[weight] = ndcgs(collection, ids, system.retrieve(queries))
    bench.say(f"{collection.name}: done")
    return found


def gains(bench: Bench) -> Iterator[Table]:
    scores = [by_weight(bench, collection) for collection in bench.collections]
    pairs = [(one[DEFAULT], one[0.0]) for one in scores]
    rows: list[list[Any]] = [
        [name, b.mean(), a.mean(), (a - b).mean()]
        for name, (a, b) in zip(bench.sets, pairs, strict=True)
    ]
    with_, without = map(mean, zip(*pairs, strict=True))
    rows.append([AVERAGE, without, with_, gain(pairs)])
    columns = {"set": "", "without": ".4f", "with": ".4f", "difference": "+.4f"}
    yield Table("nDCG@10", columns, rows)
    first = [choosing(collection) for collection in bench.collections]
    halves = {
        w: [[s[w][t == side].mean() for s, t in zip(scores, first, strict=True)] for side in (1, 0)]
        for w in scores[0]
    }
    losses = {w: min(np.subtract(chosen, halves[0.0][0])) for w, (chosen, _) in halves.items()}
    best = max((w for w in halves if losses[w] >= -LOSS), key=lambda w: np.mean(halves[w][0]))
    rows = []
    for w, (chosen, other) in halves.items():
        over = gain([(s[w][~t], s[0.0][~t]) for s, t in zip(scores, first, strict=True)])
        name = f"{w:g} (chosen)" if w == best else f"{w:g}"
        rows.append([name, np.mean(chosen), losses[w], np.mean(other), over])
    columns = {"weight": "", "choosing half": ".4f", "worst set there": "+.3f"}
    yield Table("weights", {**columns, "other half": ".4f", "its gain": "+.4f"}, rows)


def costs(bench: Bench) -> Iterator[Table]:
    collection = bench.collection("squad_ctx")
    with TemporaryDirectory() as scratch:

        def built(name: str, turn: int) -> Index:
            index = Index.create(Path(scratch, f"{turn}-{name}"), tokens=name == "with")
            index.add(collection.documents)
            return index

        ways = {name: partial(built, name) for name in ("without", "with")}
        indexes, making = turns(ways, range(5), warm=0)
        plain, tokened = (indexes[name][-1] for name in ways)
        view = tokened.store.view()
        ids = [c.id for d in collection.documents for c in view.document_chunks(d.id)]
        count = sum(len(one.ids) for one in view.tokens(DENSE, ids))
        sizes = [_bytes(index) for index in (plain, tokened)]
        texts = [collection.queries[id] for id in collection.judged][:300]
        _, asking = turns({"without": plain.search, "with": tokened.search}, texts, warm=20)
    rng = np.random.default_rng(0)
    query = rng.normal(size=(12, 384)).astype(np.float32)
    bits = [sign_bits(rng.normal(size=(150, 384)), np.zeros(384)) for _ in range(40)]
    _, scorer = turns({"": lambda _: maxsim(query, np.ones(12), bits)}, range(200))
    rows: list[list[Any]] = []
    for name, spent, unit in (("index, s", making, 1), ("query, ms", asking, 1000)):
        a, b = (unit * statistics.median(spent[way]) for way in ways)
        rows.append([name, a, b, b / a])
    rows.append(["disk, MB", sizes[0] / 1e6, sizes[1] / 1e6, sizes[1] / sizes[0]])
    rows.append(["bytes a token", None, (sizes[1] - sizes[0]) / count, None])
    ms = 1000 * statistics.median(scorer[""])
    rows.append(["MaxSim of 40 candidates of 150 tokens, ms", None, ms, None])
    columns = {"medians": "", "without": ".2f", "with": ".2f", "ratio": ".3f"}
    yield Table("costs", columns, rows)


def _bytes(index: Index) -> int:
    """On disk, old versions dropped."""
    assert isinstance(index.store, LanceStore)
    index.store._chunks.optimize(cleanup_older_than=timedelta(0), delete_unverified=True)
    return int(str(index.contents.stats()["bytes"]))


SUITE = Suite(
    {"gain": gains, "costs": costs},
    sets=NINE,
    options={
        "--weights": {"nargs": "*", "type": float, "default": [], "help": "to choose from, too"}
    },
)
