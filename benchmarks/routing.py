"""Routing: single experts, the default mixture, routers and oracles, on documents nobody learned from.

    python benchmarks/routing.py --data DATA [--work DIR] [--expert FOLDER ...] [--out results/routing]

Nine sets, each with the default index (chunks of 200 tokens, token evidence, one hit per document). Pilots
are one half of each set's queries, figures come from the other; the halves share no answering document.
One router holds the pilots of all sets. *other domains*: the same without the pilots of the set at hand.
*Mixed*: all corpora in one index. *Cost*: time of a query with and without a router, taking turns.
``--expert``: folders that train-expert wrote, as further experts.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import reduce
from pathlib import Path

import numpy as np
from quality import SETS
from rich.console import Console
from rich.table import Table

from rag_embed import Document, Index, Query
from rag_embed import evaluation as ev
from rag_embed.evaluation.collection import halves
from rag_embed.evaluation.plots import png
from rag_embed.indexing import cleaned, content_hash
from rag_embed.maths.resampling import stratified_paired_bootstrap
from rag_embed.ranking.hybrid import Hybrid
from rag_embed.routing.pilots import Pilots
from rag_embed.routing.router import PilotRouter
from rag_embed.tuning.pilots import learned
from rag_embed.tuning.router_plots import pilot_map, reliability, reliability_plot
from rag_embed.tuning.router_report import DEFAULT, Routed, measure_routing
from rag_embed.types import Chunk, ChunkRows

OTHERS = "other domains"
METRIC = "ndcg@10"
COPIED = 500
"""Documents that are copied into the mixed index in one commit."""

MORE = 1500
"""Queries at most that a further set gives."""

KIN = {"policyqa_ctx": ("policyqa_train",), "squad_ctx": ("squad_train",)}
"""Further sets that are of the same domain as a set, so that they are no *other domain*."""


@dataclass(frozen=True)
class Part:
    """A set with its index, and the two halves of its queries."""

    name: str
    index: Index
    train: ev.Collection
    test: ev.Collection


def indexed(name: str, documents: Sequence[Document], work: Path, experts: Sequence[Path]) -> Index:
    path = work / f"{name}-True"
    index = Index.open(path) if path.exists() else Index.create(path, tokens=True)
    index.add(documents)
    join(index, experts)
    return index


def join(index: Index, experts: Sequence[Path]) -> None:
    """Exactly these experts are asked."""
    known = {one.name for one in index.experts.list()}
    for folder in experts:
        if folder.name not in known:
            index.experts.add(folder)
    for name in known:
        index.experts.enable(name, name in {folder.name for folder in experts})


def paged(collection: ev.Collection) -> ev.Collection:
    """The collection with its name before the ids of its pages: two sets may use the same ids."""
    documents = tuple(
        replace(
            d,
            metadata={
                **d.metadata,
                "doc_id": f"{collection.name}/{d.metadata.get('doc_id', d.id)}",
            },
        )
        for d in collection.documents
    )
    return replace(collection, documents=documents)


def some(collection: ev.Collection) -> ev.Collection:
    """At most `MORE` of the queries."""
    ids = sorted(collection.judged)
    random.Random(0).shuffle(ids)
    return collection.subset(ids[:MORE])


def renamed(collection: ev.Collection) -> ev.Collection:
    """The collection as a part of the mixed one: its name before the ids of its documents too."""
    own = collection.name
    documents = tuple(replace(d, id=f"{own}/{d.id}") for d in paged(collection).documents)
    qrels = {q: {f"{own}/{d}": g for d, g in some.items()} for q, some in collection.qrels.items()}
    return replace(collection, documents=documents, qrels=qrels)


def together(
    parts: Sequence[tuple[Index, ev.Collection]], work: Path, experts: Sequence[Path]
) -> Index:
    """One index of all collections; rows are copied from the indexes of each, nothing is encoded twice.

    A vector does not depend on ids, so the rows are those that `Index.add` would have made.
    """
    path = work / "mixed-True"
    index = Index.open(path) if path.exists() else Index.create(path, tokens=True)
    for own, collection in parts:
        copied(own, index, collection)
    index.store.optimize()
    join(index, experts)
    return index


def copied(own: Index, index: Index, collection: ev.Collection) -> None:
    """Documents of a `renamed` collection that the mixed index lacks."""
    view, prefix = own.store.view(), f"{collection.name}/"
    if own.spaces.own.signature != index.spaces.own.signature:
        raise SystemExit(f"{collection.name} was indexed in another space; delete --work.")
    for start in range(0, len(collection.documents), COPIED):
        some = [cleaned(d) for d in collection.documents[start : start + COPIED]]
        known = index.store.known([d.id for d in some])
        lacking = [(d, content_hash(d)) for d in some]
        lacking = [(d, mark) for d, mark in lacking if known.get(d.id, ("",))[0] != mark]
        chunks = [chunk for d, _ in lacking for chunk in cut(index, d)]
        ids = [chunk.id.removeprefix(prefix) for chunk in chunks]
        vectors, tokens = view.vectors("dense", ids), view.tokens("dense", ids)
        index.store.replace(lacking, ChunkRows(chunks, {"dense": vectors}, {"dense": tokens}))


def cut(index: Index, document: Document) -> list[Chunk]:
    """Chunks as `Index.add` makes them: a title without text has one."""
    chunks = index.spaces.splitter.split(document)
    return chunks or ([Chunk.of(document, 0, 0)] if document.title.strip() else [])


def learn(
    parts: list[Part], more: Sequence[tuple[Index, ev.Collection]], console: Console
) -> PilotRouter:
    """A router of all training halves and of further sets."""
    known: list[Pilots] = []
    for index, train in [*((part.index, part.train) for part in parts), *more]:
        began = time.perf_counter()
        known.append(learned(index.experts.hybrid(), index.spaces.own.signature, train))
        spent = time.perf_counter() - began
        console.print(f"{train.name}: {len(known[-1])} pilots, {spent:.0f} s")
    return PilotRouter(reduce(Pilots.joined, known))


def measured(router: PilotRouter, parts: list[Part]) -> list[Routed]:
    """All other halves; *other domains* is the router without the pilots of the set at hand."""
    routed = []
    for part in parts:
        kin = [part.train.name, *KIN.get(part.name, ())]
        others = PilotRouter(router.pilots.without_sources(kin))
        hybrid = part.index.experts.hybrid()
        routed += measure_routing(hybrid, router, [part.test], also={OTHERS: others})
    return routed


def report(routed: list[Routed], title: str, console: Console) -> dict[str, object]:
    evaluations = [one.evaluation for one in routed]
    systems = list(evaluations[0].systems)
    table = Table("set", "queries", *systems, title=f"nDCG@10, {title}")
    for one in evaluations:
        table.add_row(
            one.collection.removesuffix(" (test)"),
            str(len(one.query_ids)),
            *(f"{one.mean(system, METRIC):.3f}" for system in systems),
        )
    means = {s: float(np.mean([one.mean(s, METRIC) for one in evaluations])) for s in systems}
    table.add_row("average", "", *(f"{means[s]:.4f}" for s in systems))
    console.print(table)
    against = {}
    for system in systems:
        if system != DEFAULT:
            pairs = [(e.scores(system, METRIC), e.scores(DEFAULT, METRIC)) for e in evaluations]
            found = stratified_paired_bootstrap(pairs)
            worst = min(float((a - b).mean()) for a, b in pairs)
            against[system] = {**asdict(found), "worst set": worst}
            console.print(
                f"{system} less default: {found.value:+.4f} ({found.low:+.4f} to {found.high:+.4f}), "
                f"worst set {worst:+.3f}"
            )
    bands = reliability(routed)
    console.print(
        "confidence", bands[0].round(3), "gain", bands[1].round(4), "safe", bands[2].round(3)
    )
    return {
        "means": means,
        "against default": against,
        "sets": {one.collection: {s: one.mean(s, METRIC) for s in systems} for one in evaluations},
        "reliability": [band.tolist() for band in bands],
    }


def cost(
    hybrid: Hybrid, router: PilotRouter, texts: Sequence[str], console: Console
) -> dict[str, float]:
    """Time and processor time of all threads, with and without the router, taking turns."""
    ways = [hybrid, replace(hybrid, router=router)]
    clocks = {"time": time.perf_counter, "processor": time.process_time}
    spent: list[dict[str, list[float]]] = [{name: [] for name in clocks} for _ in ways]
    for text in texts[:10]:  # once unmeasured
        for way in ways:
            way.retrieve([Query(text)])
    for text in texts:
        for i in random.sample([0, 1], 2):
            began = {name: clock() for name, clock in clocks.items()}
            ways[i].retrieve([Query(text)])
            for name, clock in clocks.items():
                spent[i][name].append(1000 * (clock() - began[name]))
    found: dict[str, float] = {"pilots": len(router.pilots)}
    for name in clocks:
        plain, routed = (statistics.median(one[name]) for one in spent)
        found |= {f"plain, {name}": plain, f"routed, {name}": routed}
        console.print(
            f"a query, {name}: {plain:.2f} ms, with {len(router.pilots)} pilots {routed:.2f} ms "
            f"({routed / plain - 1:+.1%})"
        )
    vectors = hybrid.base.space.encode_query(list(texts))
    routes = []
    for text, row in zip(texts, vectors, strict=True):
        began_at = time.thread_time()
        router.route([Query(text)], row[None])
        routes.append(1000 * (time.thread_time() - began_at))
    found["route"] = statistics.median(routes)
    console.print(f"the route alone, processor time of its thread: {found['route']:.2f} ms")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--parts", nargs="+", default=["sets", "mixed", "cost"])
    parser.add_argument("--expert", type=Path, nargs="*", default=[], help="folders of adapters")
    parser.add_argument("--pilots", nargs="*", default=[], help="further sets to learn from only")
    parser.add_argument("--work", type=Path, help="keep the indexes here")
    parser.add_argument("--out", type=Path, default=Path("results/routing"))
    arguments = parser.parse_args()
    console = Console(width=170)
    arguments.out.mkdir(parents=True, exist_ok=True)
    figures: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as scratch:
        work = arguments.work or Path(scratch)

        def opened(name: str) -> tuple[Index, ev.Collection]:
            one = ev.read_collection(arguments.data / name)
            return indexed(name, one.documents, work, arguments.expert), one

        sets = [opened(name) for name in arguments.sets]
        more = [(index, some(paged(one))) for index, one in map(opened, arguments.pilots)]
        parts = [Part(one.name, index, *halves(paged(one))) for index, one in sets]
        if {"sets", "cost"} & set(arguments.parts):
            router = learn(parts, more, console)
        if "sets" in arguments.parts:
            routed = measured(router, parts)
            figures["sets"] = report(routed, "one index per set", console)
            (arguments.out / "pilots.png").write_bytes(png(pilot_map(router.pilots, routed)))
            (arguments.out / "reliability.png").write_bytes(png(reliability_plot(routed)))
        if "cost" in arguments.parts:
            most = max(parts, key=lambda part: len(part.test.queries))
            texts = list(most.test.queries.values())[:200]
            figures["cost"] = cost(most.index.experts.hybrid(), router, texts, console)
        if "mixed" in arguments.parts:
            mixed = [(index, renamed(one)) for index, one in sets]
            index = together(mixed, work, arguments.expert)
            parts = [Part(one.name, index, *halves(one)) for _, one in mixed]
            routed = measured(learn(parts, more, console), parts)
            figures["mixed"] = report(routed, "one index over all sets", console)
    (arguments.out / "routing.json").write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
