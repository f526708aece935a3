"""What a second look at the best 40 candidates brings, and what it costs.

    python benchmarks/rerank.py --data DATA [--cross-encoder NAME] [--multi-vector NAME]
        [--sets squad_ctx ...] [--queries 100] [--work DIR] [--out results/rerank.json]

All look at the same 40 chunks, the best of the default without token evidence (chunks of 200 tokens,
one hit per document, nDCG@10):

- ``default``: they stay as they are
- ``tokens``: token evidence, ``Index.create(tokens=True)``
- ``maxsim, bits``: the same sign bits, each word counting the same, nothing else
- ``cross-encoder``: the model named, alone and added with a weight of 0.5
- ``multi-vector``: the model named, its own MaxSim, alone and added with a weight of 0.5

A model that is not named is not measured, and the output says so. Differences come with a 95 % interval
(paired bootstrap, the sets counting the same); times are medians over queries, taking turns, as a
multiple of the default's.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from quality import SETS
from rich.console import Console
from rich.table import Table
from tokens import indexed

from rag_embed import Index, Query
from rag_embed import evaluation as ev
from rag_embed.maths.metrics import ndcg
from rag_embed.maths.resampling import stratified_paired_bootstrap
from rag_embed.protocols import Reranker, Retriever
from rag_embed.ranking.multivector import MaxSimReranker, StoredMaxSimReranker
from rag_embed.ranking.rerank import DEPTH, Reranked
from rag_embed.situated.tokens import WithTokens

WEIGHT = 0.5

Row = npt.NDArray[np.float64]


def systems(index: Index, models: dict[str, Reranker]) -> dict[str, Retriever]:
    """Retrievers by name; all of them score the same candidates."""
    with_tokens = index.experts.hybrid()
    default = replace(with_tokens, weights={**with_tokens.weights, "tokens": 0.0}, depth=0)
    assert isinstance(index.spaces.own, WithTokens)
    bits = StoredMaxSimReranker(index.store, index.spaces.own)
    found: dict[str, Retriever] = {
        "default": default,
        "tokens": replace(with_tokens, depth=DEPTH),
        "maxsim, bits": Reranked(default, bits),
    }
    for name, model in models.items():
        found[name] = Reranked(default, model)
        found[f"{name} + {WEIGHT}"] = Reranked(default, model, weight=WEIGHT)
    return found


def named_models(arguments: argparse.Namespace) -> dict[str, Reranker]:
    """The models that the command line names."""
    found: dict[str, Reranker] = {}
    if arguments.cross_encoder:
        from rag_embed.encoders import CrossEncoderReranker

        found["cross-encoder"] = CrossEncoderReranker(arguments.cross_encoder)
    if arguments.multi_vector:
        from rag_embed.encoders import MultiVectorEncoder

        found["multi-vector"] = MaxSimReranker(MultiVectorEncoder(arguments.multi_vector))
    return found


def measured(
    collection: ev.Collection, retrievers: dict[str, Retriever], count: int
) -> tuple[dict[str, Row], dict[str, list[float]]]:
    """nDCG@10 of every query by system, and seconds of some of the queries."""
    ids = list(collection.judged)
    ids = random.Random(0).sample(ids, min(count, len(ids)))
    queries = [Query(collection.queries[id], group_by="document") for id in ids]
    scores = {name: np.zeros(len(ids)) for name in retrievers}
    seconds: dict[str, list[float]] = {name: [] for name in retrievers}
    for i, (id, query) in enumerate(zip(ids, queries, strict=True)):
        for name in random.Random(i).sample(list(retrievers), len(retrievers)):
            start = time.perf_counter()
            [hits] = retrievers[name].retrieve([query])
            if i:  # the first query reads files
                seconds[name].append(time.perf_counter() - start)
            found = [hit.chunk.doc_id for hit in hits]
            scores[name][i] = ndcg(found, dict(collection.qrels[id]), 10)
    return scores, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--queries", type=int, default=100, help="of each set")
    parser.add_argument("--cross-encoder", help="name or path of a cross-encoder")
    parser.add_argument("--multi-vector", help="name or path of a ColBERT-style model")
    parser.add_argument("--work", type=Path, help="keep the indexes here")
    parser.add_argument("--out", type=Path, default=Path("results/rerank.json"))
    arguments = parser.parse_args()
    console = Console(width=160)
    models = named_models(arguments)
    scores: dict[str, list[Row]] = {}
    seconds: dict[str, list[list[float]]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name in arguments.sets:
            collection = ev.read_collection(arguments.data / name)
            index = indexed(collection, arguments.work or Path(scratch))
            found, spent = measured(collection, systems(index, models), arguments.queries)
            for system in found:
                scores.setdefault(system, []).append(found[system])
                seconds.setdefault(system, []).append(spent[system])
    figures = report(arguments.sets, scores, seconds, console)
    for option, model in (("--cross-encoder", "cross-encoder"), ("--multi-vector", "multi-vector")):
        if model not in models:
            console.print(
                f"No {model} model was named: the best public one was NOT measured here, so nothing above "
                f"says how it compares. Measure it with {option} NAME."
            )
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    named = {"cross_encoder": arguments.cross_encoder, "multi_vector": arguments.multi_vector}
    arguments.out.write_text(json.dumps({**named, "systems": figures}, indent=2))


def report(
    names: Sequence[str],
    scores: dict[str, list[Row]],
    seconds: dict[str, list[list[float]]],
    console: Console,
) -> dict[str, dict[str, object]]:
    gains = {
        system: stratified_paired_bootstrap(list(zip(rows, scores["default"], strict=True)))
        for system, rows in scores.items()
    }
    medians = {
        system: float(np.mean([statistics.median(one) for one in some]))
        for system, some in seconds.items()
    }
    ratios = {system: median / medians["default"] for system, median in medians.items()}
    title = f"nDCG@10, the best {DEPTH} chunks scored again"
    table = Table("", *names, "average", "difference", "95 %", "time", "ms", title=title)
    for system, rows in scores.items():
        means, gain = [float(row.mean()) for row in rows], gains[system]
        table.add_row(
            system,
            *(f"{mean:.3f}" for mean in means),
            f"{np.mean(means):.4f}",
            f"{gain.value:+.4f}",
            f"{gain.low:+.4f} {gain.high:+.4f}",
            f"{ratios[system]:.2f}x",
            f"{1000 * medians[system]:.1f}",
        )
    console.print(table)
    return {
        system: {
            "ndcg": dict(zip(names, (float(r.mean()) for r in scores[system]), strict=True)),
            "gain": [gain.value, gain.low, gain.high],
            "time_ratio": ratios[system],
        }
        for system, gain in gains.items()
    }


if __name__ == "__main__":
    main()
