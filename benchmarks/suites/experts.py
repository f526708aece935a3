"""Experts that differ: mixed, routed, asked only where they pay, and what each costs.

Each set is indexed whole, a chunk per entry, with a space for each model given. Weights and pilots come from
one half of each set's queries, figures from the other; the halves share no answering document. *Unlike*: single
experts, mixtures, routers and oracles, on the same candidates. *Costs*: texts and queries in seconds of a
processor, taking turns. *Thrift*: the soft router where it asks the models only if they are worth it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, reduce
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import AVERAGE, METRIC, NINE, Bench, Row, Suite, choosing, gain, mean, turns
from benchmarks.records import Table
from benchmarks.suites.routing import OTHERS, paged
from rag_embed import Index, Query
from rag_embed import evaluation as ev
from rag_embed.encoders import load, load_sparse
from rag_embed.encoders.splade import weighs_terms
from rag_embed.evaluation.collection import halves
from rag_embed.ranking.hybrid import POOL, Hybrid
from rag_embed.ranking.weights import WEIGHTS
from rag_embed.routing.pilots import Pilots
from rag_embed.routing.router import PilotRouter, Soft
from rag_embed.tuning.candidates import Candidates, gathered, utilities
from rag_embed.tuning.pilots import learned
from rag_embed.tuning.router_report import DEFAULT, SOFT, measure_routing
from rag_embed.tuning.weights import climbed
from rag_embed.types import DENSE, LEXICAL, TOKENS

FIXED, PER_SET = "fixed", "fixed per set"
Weights = Mapping[str, float]

LEAST = (0.0, 3e-4, 6e-4, 1e-3, 1.5e-3, 2e-3, 3e-3, 1e9)
"""What a millisecond has to lower the pilots' loss by."""

LOSS = 0.001
"""nDCG@10 that may be lost where the threshold is chosen."""


@dataclass(frozen=True, eq=False)
class Half:
    """Queries of a set, and what all legs say of them."""

    labels: ev.Collection
    known: list[Candidates]

    @classmethod
    def of(cls, hybrid: Hybrid, labels: ev.Collection) -> Half:
        queries = [Query(labels.queries[id]) for id in labels.judged]
        return cls(labels, list(gathered(hybrid, queries)))

    def only(self, ids: Sequence[str]) -> Half:
        known = dict(zip(self.labels.judged, self.known, strict=True))
        part = self.labels.subset(list(ids), self.labels.name)
        return Half(part, [known[id] for id in part.judged])

    def ndcg(self, mixtures: Sequence[Weights]) -> Any:
        """``(n, m)``."""
        judged = [self.labels.qrels[id] for id in self.labels.judged]
        return utilities(self.known, judged, mixtures, METRIC)


@dataclass(frozen=True, eq=False)
class Case:
    """A set, its index with all models, and the two halves of its queries."""

    name: str
    index: Index
    learn: Half
    report: Half

    def hybrid(self, weights: Weights, legs: Sequence[str]) -> Hybrid:
        """These legs and second stages of the index."""
        whole = self.index.experts.hybrid()
        kept = tuple(leg for leg in whole.legs if leg.name in legs)
        stages = tuple(stage for stage in whole.stages if stage.name in legs)
        return replace(whole, legs=kept, stages=stages, weights=weights)


def models(bench: Bench) -> dict[str, str]:
    """Folder by name of the space, in the order given."""
    return {one.name.lower().replace("-", "_"): str(one) for one in bench.options.models}


def opened(bench: Bench, collection: ev.Collection) -> Index:
    """The index of a set with a space per model; a run that was killed goes on where it stopped."""
    index = bench.whole(collection)
    known = {one.name for one in index.experts.list()}
    for name, folder in models(bench).items():
        if name not in known:
            index.experts.add_space(name, folder)
    return index


@cache
def cases(bench: Bench) -> list[Case]:
    found = []
    for collection in bench.collections:
        index = opened(bench, collection)
        hybrid, most = index.experts.hybrid(), bench.options.queries
        sides = [
            half.subset(half.judged[:: -(-len(half.judged) // most)], half.name)
            for half in halves(paged(collection))
        ]
        found.append(Case(collection.name, index, *(Half.of(hybrid, side) for side in sides)))
        bench.say(
            f"{collection.name}: {len(index)} chunks, {[len(s.judged) for s in sides]} queries"
        )
    return found


def mixtures(bench: Bench) -> dict[str, list[str]]:
    """Name -> legs that may weigh, the cheapest first."""
    own, added = [DENSE, LEXICAL, TOKENS], [*models(bench)]
    rows = {"dense + BM25": [DENSE, LEXICAL], "default's legs": own}
    for n, name in enumerate(added, start=1):
        rows[f"dense + BM25 + {name}"] = [DENSE, LEXICAL, name]
        rows[" + ".join(["default's legs", *added[:n]])] = [*own, *added[:n]]
    return rows


def tuned(some: Sequence[Case], legs: Sequence[str]) -> dict[str, float]:
    """The mixture of these that is best on the halves that are learned from, sets counting the same."""
    start = {name: WEIGHTS.get(name, 0.0) for name in legs}

    def measure(tried: Sequence[Weights]) -> Any:
        return np.mean([one.learn.ndcg(tried).mean(axis=0) for one in some], axis=0)

    return climbed(measure, start, [name for name in legs if name != TOKENS])


def routers(some: Sequence[Case], weights: Weights, legs: Sequence[str]) -> PilotRouter:
    """One router of all halves that are learned from, beside a mixture."""
    parts = [
        learned(
            one.hybrid(weights, legs),
            one.index.spaces.own.signature,
            one.learn.labels,
            known=one.learn.known,
        )
        for one in some
    ]
    return PilotRouter(reduce(Pilots.joined, parts))


def routed(
    case: Case, router: PilotRouter, also: Mapping[str, PilotRouter] | None = None
) -> ev.Evaluation:
    hybrid = case.hybrid(router.pilots.default, router.pilots.legs)
    known = [case.report.known]
    [one] = measure_routing(hybrid, router, [case.report.labels], also=also, known=known)
    return one.evaluation


@cache
def fixed(bench: Bench) -> dict[str, dict[str, float]]:
    found = {}
    for name, legs in mixtures(bench).items():
        found[name] = tuned(cases(bench), legs)
        bench.say(f"{name}: {found[name]}")
    return found


@cache
def router(bench: Bench) -> PilotRouter:
    """Of all experts, beside the best mixture of all."""
    weights = [*fixed(bench).values()][-1]
    return routers(cases(bench), weights, [*weights])


def unlike(bench: Bench) -> Iterator[Table]:
    some, weights = cases(bench), fixed(bench)
    whole, best = router(bench), [*weights.values()][-1]
    systems: dict[str, list[Row]] = {}
    for case in some:
        others = whole.pilots.without_sources([case.learn.labels.name])
        evaluation = routed(case, whole, {OTHERS: PilotRouter(others)})
        alone = tuned([case], [*best])
        found = dict(zip([DEFAULT, PER_SET], case.report.ndcg([WEIGHTS, alone]).T, strict=True))
        for name in evaluation.systems:
            found[FIXED if name == DEFAULT else name] = evaluation.scores(name, METRIC)
        for name, scores in found.items():
            systems.setdefault(name, []).append(scores.astype(np.float64))
        bench.say(f"{case.name}: done")
    yield from told(some, systems)
    yield added(bench)
    yield Table(
        "weights of the best fixed mixtures",
        {"experts": "", **dict.fromkeys(best, ".3f")},
        [[name, *(one.get(leg) for leg in best)] for name, one in weights.items()],
    )


def told(some: Sequence[Case], systems: Mapping[str, list[Row]]) -> Iterator[Table]:
    rows: list[list[Any]] = [
        [case.name, len(case.report.known), *(float(s[i].mean()) for s in systems.values())]
        for i, case in enumerate(some)
    ]
    rows.append([AVERAGE, None, *map(mean, systems.values())])
    yield Table("nDCG@10", {"set": "", "queries": "d", **dict.fromkeys(systems, ".3f")}, rows)
    rows = []
    for name, scores in systems.items():
        if name != FIXED:
            pairs = list(zip(scores, systems[FIXED], strict=True))
            rows.append([name, gain(pairs), min(float((a - b).mean()) for a, b in pairs)])
    columns = {"system": "", "difference": "+.4f", "worst set": "+.3f"}
    yield Table("less the best fixed mixture", columns, rows)


def added(bench: Bench) -> Table:
    """Experts one after the other: the mixture that suits them, and routed beside it."""
    some, rows = cases(bench), []
    standard = [one.report.ndcg([WEIGHTS])[:, 0].astype(np.float64) for one in some]
    for name, weights in fixed(bench).items():
        one = routers(some, weights, [*weights])
        found = [routed(case, one) for case in some]
        still, moved = ([e.scores(s, METRIC) for e in found] for s in (DEFAULT, SOFT))
        pairs = [zip(still, standard, strict=True), zip(moved, still, strict=True)]
        rows.append([name, mean(still), mean(moved), *(gain(list(one)) for one in pairs)])
        bench.say(f"{name}: done")
    columns = {"experts": "", "fixed": ".4f", "soft": ".4f"}
    more = {"fixed less the default": "+.4f", "soft less fixed": "+.4f"}
    return Table("experts one after the other", {**columns, **more}, rows)


def costs(bench: Bench) -> Iterator[Table]:
    encoders: dict[str, Callable[[Sequence[str]], object]] = {DENSE: load().encode_document}
    for name, folder in models(bench).items():
        made = load_sparse(folder) if weighs_terms(folder) else load(folder)
        encoders[name] = made.encode_document
    texts = [
        f"{one.title}\n{one.text}"
        for collection in bench.collections
        for one in collection.documents[: bench.options.timed]
    ]
    batches = [texts[i :: len(bench.sets)] for i in range(len(bench.sets))]
    _, spent = turns(encoders, [batches[0], *batches], clock=time.process_time)
    asked = prices(bench)
    hours, rows = {}, []
    for name in [*asked]:
        took = sum(spent[name]) / len(texts) if name in spent else None
        hours[name] = took and took * 100_000 / 3600
        rows.append([name, took and 1 / took, hours[name], asked[name]])
    columns = {"texts a processor second": ".1f", "hours for 100,000 chunks": ".1f"}
    yield Table("each expert", {"expert": "", **columns, "ms of a processor a query": ".1f"}, rows)
    ways = {
        name: (lambda given, one=one: given[0].hybrid(one, [*one]).retrieve([Query(given[1])]))
        for name, one in fixed(bench).items()
    }
    _, spent = turns(ways, asking(bench), warm=len(bench.sets), clock=time.process_time)
    rows = []
    for name, one in fixed(bench).items():
        found = [case.report.ndcg([one])[:, 0] for case in cases(bench)]
        took = 1000 * float(np.mean(spent[name]))
        rows.append([name, mean(found), took, sum(hours.get(leg) or 0.0 for leg in one)])
    columns = {"nDCG@10": ".4f", "ms of a processor a query": ".1f"}
    yield Table("mixtures", {"experts": "", **columns, "hours for 100,000 chunks": ".1f"}, rows)


def asking(bench: Bench) -> list[tuple[Case, str]]:
    """Queries of all sets by turns, each with its index."""
    most = bench.options.timed
    texts = [[*case.report.labels.queries.values()][:most] for case in cases(bench)]
    return [
        (case, some[i])
        for i in range(most)
        for case, some in zip(cases(bench), texts, strict=True)
        if i < len(some)
    ]


@cache
def prices(bench: Bench) -> dict[str, float]:
    """Milliseconds of a processor that each leg takes to encode a query and to search."""

    def alone(given: tuple[Case, str], name: str) -> None:
        case, text = given
        [leg] = [leg for leg in case.index.experts.hybrid().legs if leg.name == name]
        leg.ask(case.index.store.view(), [Query(text)]).top([None], POOL)

    names = [leg.name for leg in cases(bench)[0].index.experts.hybrid().legs]
    ways = {name: (lambda given, name=name: alone(given, name)) for name in names}
    _, spent = turns(ways, asking(bench), warm=len(bench.sets), clock=time.process_time)
    return {name: 1000 * float(np.mean(some)) for name, some in spent.items()}


def thrift(bench: Bench) -> Iterator[Table]:
    some, whole = cases(bench), router(bench)
    asked = {name: prices(bench)[name] for name in models(bench)}
    ways = {least: replace(whole, soft=Soft(prices=asked, least=least)) for least in LEAST}
    crossed = {least: mean(crosswise(some, one)) for least, one in ways.items()}
    enough = max(crossed.values()) - LOSS
    chosen = max(least for least, value in crossed.items() if value >= enough)
    spent = timed(bench, ways)
    always: list[Row] = []
    rows: list[list[Any]] = []
    for least, one in ways.items():
        found = [asked_by(case.report, one) for case in some]
        scores = [row for row, _ in found]
        always = always or scores
        shares = [[r.get(name, 0.0) > 0 for _, rs in found for r in rs] for name in asked]
        difference = gain(list(zip(scores, always, strict=True)))
        mark = "chosen" if least == chosen else ""
        rows.append(
            [
                f"{least:g}",
                mark,
                *map(np.mean, shares),
                spent[least],
                crossed[least],
                mean(scores),
                difference,
            ]
        )
    columns = {"least": "", "": "", **{f"asks {name}": ".0%" for name in asked}}
    figures = {"ms of a processor a query": ".1f", "nDCG@10, learning half": ".4f"}
    last = {"nDCG@10": ".4f", "less always": "+.4f"}
    yield Table("asked where it pays", {**columns, **figures, **last}, rows)


def asked_by(half: Half, one: PilotRouter) -> tuple[Row, list[Weights]]:
    """nDCG@10 of each query, and the weights it was given."""
    queries = [Query(half.labels.queries[id]) for id in half.labels.judged]
    routes = one.route(queries, np.stack([known.vector for known in half.known]))
    judged = [half.labels.qrels[id] for id in half.labels.judged]
    scores = [
        utilities([known], [grades], [route.weights], METRIC)[0, 0]
        for known, grades, route in zip(half.known, judged, routes, strict=True)
    ]
    return np.array(scores, np.float64), [route.weights for route in routes]


def crosswise(some: Sequence[Case], one: PilotRouter) -> list[Row]:
    """nDCG@10 of the learning halves, each side of them by the pilots of the other side."""
    sides = [choosing(case.learn.labels) for case in some]
    first = np.concatenate(sides)
    found: list[list[Row]] = [[] for _ in some]
    for side in (True, False):
        known = replace(one, pilots=one.pilots.only(np.flatnonzero(first != side).tolist()))
        for rows, case, mine in zip(found, some, sides, strict=True):
            ids = np.array(case.learn.labels.judged)[mine == side].tolist()
            rows.append(asked_by(case.learn.only(ids), known)[0])
    return [np.concatenate(rows) for rows in found]


def timed(bench: Bench, ways: Mapping[float, PilotRouter]) -> dict[float, float]:
    """Milliseconds of a processor that a routed query takes."""

    def ask(given: tuple[Case, str], one: PilotRouter) -> None:
        case, text = given
        hybrid = case.hybrid(one.pilots.default, one.pilots.legs)
        replace(hybrid, router=one).retrieve([Query(text)])

    acts = {str(least): (lambda given, one=one: ask(given, one)) for least, one in ways.items()}
    _, spent = turns(acts, asking(bench), warm=len(bench.sets), clock=time.process_time)
    return {least: 1000 * float(np.mean(spent[str(least)])) for least in ways}


SUITE = Suite(
    {"unlike": unlike, "costs": costs, "thrift": thrift},
    sets=NINE,
    options={
        "--models": {
            "type": Path,
            "nargs": "+",
            "required": True,
            "help": "folders of models, dense or sparse, the cheapest first",
        },
        "--queries": {"type": int, "default": 500, "help": "queries a half, at most"},
        "--timed": {
            "type": int,
            "default": 12,
            "help": "texts and queries of a set that are timed",
        },
    },
)
