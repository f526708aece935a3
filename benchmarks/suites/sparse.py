"""A learned sparse leg (SPLADE) alone and beside the default, and what it costs.

*Sets*: each set is indexed whole, a chunk per entry. The weight of the leg is chosen on one half of the
queries of all sets, figures come from the other. *Costs*: texts and queries through torch and OpenVINO,
taking turns, in seconds of a processor.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import AVERAGE, NINE, Bench, Row, Suite, choosing, gain, mean, ndcgs, turns
from benchmarks.records import Table
from rag_embed import Index, Query
from rag_embed import evaluation as ev
from rag_embed.encoders import OpenVINOSparseEncoder, SparseEncoder, load, load_sparse
from rag_embed.ranking.weights import WEIGHTS
from rag_embed.types import DENSE, LEXICAL

SPLADE = "splade"
SHARES = (0.0, 0.1, 0.2, 0.3, 0.5)
"""Weight of the leg beside a half each for the two of the default."""

DEFAULT, BOTH = "default", "default + SPLADE"
LEGS = {"dense": {DENSE: 1.0}, "BM25": {LEXICAL: 1.0}, "SPLADE": {SPLADE: 1.0}}
PAIRS = {
    "dense + SPLADE": {DENSE: 0.5, SPLADE: 0.5},
    "BM25 + SPLADE": {LEXICAL: 0.5, SPLADE: 0.5},
    "dense + BM25 + SPLADE": {DENSE: 0.5, LEXICAL: 0.5, SPLADE: 0.3},
}


@dataclass(frozen=True, eq=False)
class Case:
    """A set, its index, and its queries by half."""

    collection: ev.Collection
    index: Index
    chosen: Sequence[str]
    reported: Sequence[str]

    def ndcg(self, weights: Mapping[str, float], ids: Sequence[str]) -> Row:
        hybrid = replace(self.index.experts.hybrid(), weights=weights)
        queries = [Query(self.collection.queries[id], k=30) for id in ids]
        return ndcgs(self.collection, ids, hybrid.retrieve(queries))


def case(bench: Bench, collection: ev.Collection) -> Case:
    index = bench.whole(collection)
    if SPLADE not in {one.name for one in index.experts.list()}:
        index.experts.add_space(SPLADE, str(bench.options.model))
    half, most = choosing(collection), bench.options.queries
    ids = np.array(collection.judged)
    bench.say(f"{collection.name}: {len(index)} chunks")
    return Case(collection, index, ids[half][:most].tolist(), ids[~half][:most].tolist())


def with_share(share: float) -> dict[str, float]:
    return {**WEIGHTS, SPLADE: share} if share else dict(WEIGHTS)


def sets(bench: Bench) -> Iterator[Table]:
    cases = [case(bench, collection) for collection in bench.collections]
    by_share = {
        share: [one.ndcg(with_share(share), one.chosen) for one in cases] for share in SHARES
    }
    best = max(SHARES, key=lambda share: mean(by_share[share]))
    ways = {**LEGS, **PAIRS, DEFAULT: dict(WEIGHTS), BOTH: with_share(best or SHARES[1])}
    found: dict[str, list[Row]] = {name: [] for name in ways}
    rows: list[list[Any]] = []
    for one in cases:
        for name, weights in ways.items():
            found[name].append(one.ndcg(weights, one.reported))
        figures = [float(some[-1].mean()) for some in found.values()]
        rows.append([one.collection.name, len(one.reported), *figures])
        bench.say(f"{one.collection.name}: done")
    rows.append([AVERAGE, None, *map(mean, found.values())])
    yield Table("nDCG@10", {"set": "", "queries": "d", **dict.fromkeys(ways, ".3f")}, rows)
    pairs = {
        name: list(zip(some, found[DEFAULT], strict=True))
        for name, some in found.items()
        if name != DEFAULT
    }
    rows = [
        [name, gain(some), min(float((a - b).mean()) for a, b in some)]
        for name, some in pairs.items()
    ]
    yield Table("less the default", {"way": "", "difference": "+.4f", "worst set": "+.3f"}, rows)
    rows = [[share, mean(some)] for share, some in by_share.items()]
    yield Table("weight of SPLADE, on the other half", {"weight": ".1f", "nDCG@10": ".4f"}, rows)


def costs(bench: Bench) -> Iterator[Table]:
    collection, model = bench.collections[0], str(bench.options.model)
    texts = [f"{one.title}\n{one.text}" for one in collection.documents[:200]]
    queries = [collection.queries[id] for id in collection.judged[:100]]
    dense = load()
    ways = {
        "SPLADE, torch": SparseEncoder(model, device="cpu"),
        "SPLADE, OpenVINO": OpenVINOSparseEncoder(model),
        f"{dense.signature.model}, {type(dense).__name__}": dense,
    }
    spent = {}
    for what, some in (("text", texts), ("query", queries)):
        call = {
            name: (
                (lambda text, one=one: one.encode_document([text]))
                if what == "text"
                else (lambda text, one=one: one.encode_query([text]))
            )
            for name, one in ways.items()
        }
        _, spent[what] = turns(call, some, warm=10, clock=time.process_time)
    rows: list[list[Any]] = [
        [
            name,
            1 / float(np.mean(spent["text"][name])),
            1000 * float(np.median(spent["query"][name])),
        ]
        for name in ways
    ]
    yield Table(
        "encoding",
        {"model": "", "texts a processor second": ".1f", "ms of a processor a query": ".1f"},
        rows,
    )
    one = case(bench, collection)
    encoder, view = load_sparse(model), one.index.store.view()
    terms = [len(row.ids) for row in view.sparse(SPLADE, view.passing(None)[:1000])]
    asked = encoder.encode_query(queries)
    search = {
        "SPLADE": lambda i: view.weighed(SPLADE, [asked[i]], 100, None),
        "BM25": lambda i: view.lexical([queries[i]], 100, None),
    }
    _, took = turns(search, range(len(queries)), warm=10, clock=time.process_time)
    counted = [float(np.mean(terms)), float(np.mean([len(row.ids) for row in asked]))]
    rows = [
        [
            len(one.index),
            *counted,
            6 * counted[0],
            *(1000 * float(np.median(took[name])) for name in search),
        ]
    ]
    heads = ("terms a chunk", "terms a query", "bytes a chunk")
    columns = {"chunks": "d", **dict.fromkeys(heads, ".0f")}
    yield Table("search", {**columns, "ms a search": ".2f", "ms a search by BM25": ".2f"}, rows)


SUITE = Suite(
    {"sets": sets, "costs": costs},
    sets=NINE,
    options={
        "--model": {"type": Path, "required": True, "help": "folder of the SPLADE model"},
        "--queries": {"type": int, "default": 150, "help": "queries a half, at most"},
    },
)
