"""What a second look at the best 40 candidates of the default brings, and how much longer a query takes.

*Default*: they stay as they are, without token evidence; *tokens* with it; *maxsim, bits*: the same bits, each
word counting the same; models that are named, alone and added with a weight of 0.5.

*Own*: a re-ranker trained on a part of a set's labels, measured on the others and on sets that it has not seen.
"""

from __future__ import annotations

import argparse
import random
import statistics
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from benchmarks.common import NINE, Bench, Row, Suite, gain, mean, ndcgs, turns
from benchmarks.records import Table
from benchmarks.suites._own_reranker import own
from rag_embed import Index, Query
from rag_embed.encoders import CrossEncoderReranker, MultiVectorEncoder
from rag_embed.protocols import Reranker, Retriever
from rag_embed.ranking import MaxSimReranker, Reranked, StoredMaxSimReranker
from rag_embed.ranking.rerank import DEPTH
from rag_embed.situated.tokens import WithTokens
from rag_embed.types import TOKENS

BASE = "default"
WEIGHT = 0.5


def models(options: argparse.Namespace) -> dict[str, Reranker]:
    found: dict[str, Reranker] = {}
    if options.cross_encoder:
        found["cross-encoder"] = CrossEncoderReranker(options.cross_encoder)
    if options.multi_vector:
        found["multi-vector"] = MaxSimReranker(MultiVectorEncoder(options.multi_vector))
    return found


def systems(index: Index, some: dict[str, Reranker]) -> dict[str, Retriever]:
    hybrid = index.experts.hybrid()
    assert isinstance(index.spaces.own, WithTokens)
    default = replace(hybrid, weights={**hybrid.weights, TOKENS: 0.0}, depth=0)
    bits = StoredMaxSimReranker(index.store, index.spaces.own)
    found: dict[str, Retriever] = {
        BASE: default,
        "tokens": replace(hybrid, depth=DEPTH),
        "maxsim, bits": Reranked(default, bits),
    }
    for name, model in some.items():
        found[name] = Reranked(default, model)
        found[f"{name} + {WEIGHT}"] = Reranked(default, model, weight=WEIGHT)
    return found


def candidates(bench: Bench) -> Iterator[Table]:
    scores: dict[str, list[Row]] = {}
    medians: dict[str, list[float]] = {}
    known = models(bench.options)
    for collection in bench.collections:
        ids = list(collection.judged)
        ids = random.Random(0).sample(ids, min(bench.options.queries, len(ids)))
        queries = [Query(collection.queries[id], group_by="document") for id in ids]
        retrievers = systems(bench.chunked(collection), known)
        ways = {
            name: (lambda query, one=one: one.retrieve([query])[0])
            for name, one in retrievers.items()
        }
        found, spent = turns(ways, queries)
        for name in ways:
            scores.setdefault(name, []).append(ndcgs(collection, ids, found[name]))
            medians.setdefault(name, []).append(1000 * statistics.median(spent[name]))
    base = float(np.mean(medians[BASE]))
    rows = [
        [
            *(name, *(row.mean() for row in some), mean(some)),
            None if name == BASE else gain(list(zip(some, scores[BASE], strict=True))),
            *(np.mean(medians[name]) / base, np.mean(medians[name])),
        ]
        for name, some in scores.items()
    ]
    columns = {"": "", **dict.fromkeys(bench.sets, ".3f"), "average": ".4f", "difference": "+.4f"}
    yield Table("nDCG@10", {**columns, "time": ".2f", "ms": ".1f"}, rows)
    for option in ("cross-encoder", "multi-vector"):
        if option not in known:
            bench.say(
                f"No {option} was named: the best public one was NOT measured, so nothing above says "
                f"how it compares. Measure it with --{option} NAME."
            )


SUITE = Suite(
    {"candidates": candidates, "own": own},
    sets=NINE,
    options={
        "--queries": {"type": int, "default": 100, "help": "of each set"},
        "--cross-encoder": {"help": "name or path of a cross-encoder"},
        "--train": {"nargs": "+", "default": ["policyqa_ctx", "squad_train"], "help": "sets"},
        "--pairs": {"type": int, "default": 500, "help": "of each set that is trained on"},
        "--layers": {"type": int, "default": 6, "help": "of the re-ranker that is trained"},
        "--epochs": {"type": int, "default": 2, "help": "of training at most"},
        "--multi-vector": {"help": "name or path of a ColBERT-style model"},
    },
)
