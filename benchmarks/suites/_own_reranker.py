"""A re-ranker that is trained on labels: what it brings at home and elsewhere, and what a query costs."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.common import Bench, gain, ndcgs, turns
from benchmarks.records import Table
from rag_embed import Query
from rag_embed import evaluation as ev
from rag_embed.encoders.adapter_card import Card
from rag_embed.encoders.precision import Precision
from rag_embed.protocols import Retriever
from rag_embed.ranking import Reranked
from rag_embed.training import RerankerRecipe, Source, train_reranker
from rag_embed.training.splits import split

PRECISIONS: tuple[Precision, ...] = ("f32", "bf16", "int8")


def own(bench: Bench) -> Iterator[Table]:
    rows: list[list[Any]] = []
    costs: list[list[Any]] = []
    for name in bench.options.train:
        card, folder = trained(bench, name)
        bench.say(f"{name}: {card.verdict}")
        figures = [card.before, card.after, [card.gain.value, card.gain.low, card.gain.high]]
        pairs = card.pairs["train"] + card.pairs["validation"]
        said = "yes" if card.installed else "no"
        weight = card.settings["weight"]
        rows.append([name, pairs, card.pairs["held_out"], *figures, weight, said, card.seconds])
        if card.installed:
            rows += [elsewhere(bench, one, folder) for one in bench.collections if one.name != name]
            costs = costs or list(spent(bench, name, folder, card))
    columns = {"set": "", "pairs": ",d", "queries": "d", "search": ".3f", "re-ranked": ".3f"}
    more = {"gain": "+.3f", "weight": ".2f", "kept": "", "s": ".0f"}
    yield Table("nDCG@10", {**columns, **more}, rows)
    if costs:
        yield Table("Processor time of a query", {"": "", "ms": ".0f"}, costs)


def trained(bench: Bench, name: str) -> tuple[Card, Path]:
    """A re-ranker of a set; one in ``--work`` is used again, and one that was stopped goes on."""
    folder = bench.work / "reranker" / name
    if (folder / "card.json").exists():
        return Card.read(folder), folder
    collection = bench.collection(name)
    index = bench.chunked(collection)
    source = Source.of_index(index, collection)
    pairs = random.Random(0).sample(source.pairs, min(bench.options.pairs, len(source.pairs)))
    sides = split(pairs, held_out=0.4, validation=0.1)
    schedule = replace(RerankerRecipe().schedule, epochs=bench.options.epochs)
    recipe = RerankerRecipe(layers=bench.options.layers, schedule=schedule)
    return train_reranker(index, sides, folder, name=name, data=name, recipe=recipe), folder


def elsewhere(bench: Bench, collection: ev.Collection, folder: Path) -> list[Any]:
    """What it brings on a set that it has not seen."""
    ids, queries = asked(bench, collection)
    search = bench.chunked(collection).retriever
    found = [one.retrieve(queries) for one in (Reranked.by(search, folder), search)]
    after, before = (ndcgs(collection, ids, hits) for hits in found)
    figures = [before.mean(), after.mean(), gain([(after, before)])]
    return [f"the same on {collection.name}", None, len(ids), *figures, None, None, None]


def asked(bench: Bench, collection: ev.Collection) -> tuple[list[str], list[Query]]:
    ids = list(collection.judged)
    ids = random.Random(0).sample(ids, min(bench.options.queries, len(ids)))
    return ids, [Query(collection.queries[id], group_by="document") for id in ids]


def spent(bench: Bench, name: str, folder: Path, card: Card) -> Iterator[list[Any]]:
    """Milliseconds of all cores for a query, the median."""
    collection = bench.collection(name)
    search = bench.chunked(collection).retriever
    _, queries = asked(bench, collection)
    depth = int(card.settings["depth"])
    ways: dict[str, Retriever] = {"search": search}
    for precision in PRECISIONS:
        by = Reranked.by(search, folder, precision=precision)
        ways[f"{depth} hits, excerpts, {precision}"] = by
        ways[f"40 hits, excerpts, {precision}"] = replace(by, depth=40)
    asking = {name: (lambda query, one=one: one.retrieve([query])[0]) for name, one in ways.items()}
    _, seconds = turns(asking, queries[:20], clock=time.process_time)
    yield from ([name, 1000 * statistics.median(some)] for name, some in seconds.items())
