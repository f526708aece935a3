"""Routers beside single experts, the default mixture and oracles, on documents that nobody learned from.

*Sets*: an index per set; pilots are one half of each set's queries, figures come from the other. One router
holds the pilots of all sets; *other domains* is the same without those of the set at hand. *Mixed*: all corpora
in one index. *Cost*: a query with and without the router, taking turns. *Map*: where the questions of
``examples/mixed_domains.py`` lie, and how much words count for each; it needs no public set.
"""

from __future__ import annotations

import runpy
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, reduce
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import AVERAGE, METRIC, NINE, Bench, Suite, gain, mean, turns
from benchmarks.records import ROOT, Table
from rag_embed import Document, Index, Query
from rag_embed import evaluation as ev
from rag_embed.evaluation.collection import halves
from rag_embed.routing.pilots import Pilots
from rag_embed.routing.router import PilotRouter
from rag_embed.tuning.pilots import learned
from rag_embed.tuning.router_report import DEFAULT, measure_routing

OTHERS = "other domains"


@dataclass(frozen=True, eq=False)
class Case:
    """A set with its index, and the two halves of its queries."""

    name: str
    index: Index
    train: ev.Collection
    test: ev.Collection


def opened(bench: Bench, collection: ev.Collection) -> Index:
    index = bench.chunked(collection)
    only(index, bench.options.expert)
    return index


def only(index: Index, experts: Sequence[Path]) -> None:
    """Exactly these experts are asked."""
    known, wanted = {one.name for one in index.experts.list()}, {one.name for one in experts}
    for folder in experts:
        if folder.name not in known:
            index.experts.add(folder)
    for name in known:
        index.experts.enable(name, name in wanted)


def paged(collection: ev.Collection) -> ev.Collection:
    """The collection with its name before the ids of its pages: two sets may use the same ids."""

    def page(d: Document) -> str:
        return f"{collection.name}/{d.metadata.get('doc_id', d.id)}"

    documents = tuple(
        replace(d, metadata={**d.metadata, "doc_id": page(d)}) for d in collection.documents
    )
    return replace(collection, documents=documents)


def renamed(collection: ev.Collection) -> ev.Collection:
    """The collection as a part of the mixed one: its name before the ids of its documents too."""
    own = collection.name
    documents = tuple(replace(d, id=f"{own}/{d.id}") for d in paged(collection).documents)
    qrels = {q: {f"{own}/{d}": g for d, g in some.items()} for q, some in collection.qrels.items()}
    return replace(collection, documents=documents, qrels=qrels)


@cache
def apart(bench: Bench) -> tuple[list[Case], PilotRouter]:
    """An index per set, and one router of all of them."""
    cases = [Case(one.name, opened(bench, one), *halves(paged(one))) for one in bench.collections]
    return cases, learn(bench, cases)


def learn(bench: Bench, cases: Sequence[Case]) -> PilotRouter:
    """One router of all training halves."""
    known: list[Pilots] = []
    for case in cases:
        signature = case.index.spaces.own.signature
        known.append(learned(case.index.experts.hybrid(), signature, case.train))
        bench.say(f"{case.train.name}: {len(known[-1])} pilots")
    return PilotRouter(reduce(Pilots.joined, known))


def report(cases: Sequence[Case], router: PilotRouter) -> Iterator[Table]:
    """All other halves; *other domains* is the router without the pilots of the set at hand."""
    routed = []
    for case in cases:
        others = PilotRouter(router.pilots.without_sources([case.train.name]))
        hybrid = case.index.experts.hybrid()
        routed += measure_routing(hybrid, router, [case.test], also={OTHERS: others})
    found = [one.evaluation for one in routed]
    systems = {s: [one.scores(s, METRIC) for one in found] for s in found[0].systems}
    rows: list[list[Any]] = [
        [case.name, len(one.query_ids), *(one.mean(s, METRIC) for s in systems)]
        for case, one in zip(cases, found, strict=True)
    ]
    rows.append([AVERAGE, None, *map(mean, systems.values())])
    yield Table("nDCG@10", {"set": "", "queries": "d", **dict.fromkeys(systems, ".4f")}, rows)
    rows = []
    for name, scores in systems.items():
        if name != DEFAULT:
            pairs = list(zip(scores, systems[DEFAULT], strict=True))
            rows.append([name, gain(pairs), min(float((a - b).mean()) for a, b in pairs)])
    yield Table("less the default", {"system": "", "difference": "+.4f", "worst set": "+.3f"}, rows)


def sets(bench: Bench) -> Iterator[Table]:
    yield from report(*apart(bench))


def mixed(bench: Bench) -> Iterator[Table]:
    index = Index.at(bench.work / "mixed", tokens=True)
    whole = [renamed(collection) for collection in bench.collections]
    for one in whole:
        index.add(one.documents)
    only(index, bench.options.expert)
    cases = [Case(name, index, *halves(one)) for name, one in zip(bench.sets, whole, strict=True)]
    yield from report(cases, learn(bench, cases))


def cost(bench: Bench) -> Iterator[Table]:
    cases, router = apart(bench)
    most = max(cases, key=lambda case: len(case.test.queries))
    hybrid, texts = most.index.experts.hybrid(), list(most.test.queries.values())[:200]
    routed = replace(hybrid, router=router)
    ways = {
        name: (lambda text, one=one: one.retrieve([Query(text)]))
        for name, one in (("default", hybrid), ("router", routed))
    }
    rows: list[list[Any]] = []
    for name, clock in (("time", time.perf_counter), ("processor time", time.process_time)):
        _, spent = turns(ways, texts, warm=10, clock=clock)
        a, b = (1000 * statistics.median(one) for one in spent.values())
        rows.append([name, a, b, b / a - 1])
    vectors = dict(zip(texts, most.index.spaces.own.encode_query(texts), strict=True))
    route = {"": lambda text: router.route([Query(text)], vectors[text][None])}
    _, spent = turns(route, texts, clock=time.thread_time)
    rows.append(["the route alone", None, 1000 * statistics.median(spent[""]), None])
    columns = {"ms": "", "default": ".1f", f"{len(router.pilots)} pilots": ".1f", "more": "+.1%"}
    yield Table("a query", columns, rows)


def mean_of(domain: str, rows: Sequence[Sequence[Any]]) -> float:
    return statistics.fmean(row[-1] for row in rows if row[0] == domain)


def map_(bench: Bench) -> Iterator[Table]:
    """Questions that were not taught, in the plane of their two principal components."""
    made = runpy.run_path(str(ROOT / "examples" / "mixed_domains.py"))
    domains: list[ev.Collection] = list(made["collections"]())
    index = Index.at(bench.work / "domains")
    index.add(domains[0].documents)
    sides = [halves(one) for one in domains]
    known = [learned(index.experts.hybrid(), index.spaces.own.signature, one) for one, _ in sides]
    index.experts.router = router = PilotRouter(reduce(Pilots.joined, known))
    queries = [
        (one.name, test.query(id))
        for one, (_, test) in zip(domains, sides, strict=True)
        for id in test.judged
    ]
    vectors = index.spaces.own.encode_query([query.text for _, query in queries])
    routes = router.route([query for _, query in queries], vectors)
    centred = vectors - vectors.mean(axis=0)
    places = centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T
    shares = [
        one.weights["lexical"] / (one.weights["lexical"] + one.weights["dense"]) for one in routes
    ]
    rows = [
        [name, *map(float, place), share]
        for (name, _), place, share in zip(queries, places, shares, strict=True)
    ]
    means = [
        [one.name, sum(row[0] == one.name for row in rows), mean_of(one.name, rows)]
        for one in domains
    ]
    yield Table("what counts", {"domain": "", "questions": "d", "share of words": ".2f"}, means)
    yield Table("questions", {"domain": "", "x": ".4f", "y": ".4f", "words": ".3f"}, rows)


SUITE = Suite(
    {"sets": sets, "mixed": mixed, "cost": cost, "map": map_},
    sets=NINE,
    options={
        "--expert": {"type": Path, "nargs": "*", "default": [], "help": "folders of adapters"},
    },
)
