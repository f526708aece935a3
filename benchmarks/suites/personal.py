"""Personalisation: what owners, histories and talks bring, what tuning decides, what a million events cost.

*Tenancy*: personal facts of many people and the chats of one in one index, with owners and without. *Ikat*,
*movielens*: every setting against strength 0 and against the histories of other users, who count alike; then
`tune_personal` on all users, on one half, and its decision on the other half. In *ikat* a user's facts are both
corpus and history, and the talk so far is the session. In *movielens* liked films are the history, the query
names the twenty liked last, and films of the history are left out of the search. *Talks*: chats and a chat log
in pieces of about one turn, and `Neighbours`. *Costs*: random vectors, 100 events a user.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmarks.common import Bench, Suite, gain
from benchmarks.records import Table
from benchmarks.suites._personal_costs import costs
from benchmarks.suites._personal_trial import Trial
from benchmarks.suites._talks import talks
from rag_embed import Document, Index, Query
from rag_embed.evaluation import Labelled
from rag_embed.events import UserEvent
from rag_embed.maths.metrics import Metric
from rag_embed.personal.bend import CorpusMean
from rag_embed.personal.profiles import Profiles
from rag_embed.personal.setting import Setting, grid
from rag_embed.protocols import Retriever
from rag_embed.stores.memory_events import MemoryEvents
from rag_embed.types import DENSE, Hit

FACTS = ("ikat_facts", "lihua")
ASKED = "Which personal facts matter for this question?"
LIKED = "films of the kind that this person enjoys"


def facts(bench: Bench, owned: bool) -> Index:
    """The facts of `ikat_facts` and the chats of `lihua` in one index."""
    index = Index.at(bench.work / f"facts-{'owned' if owned else 'shared'}")
    index.add(
        replace(d, metadata={}, user=str(d.metadata.get("user_id", "lihua")) if owned else None)
        for name in FACTS
        for d in bench.collection(name).documents
    )
    return index


def labelled(bench: Bench, name: str) -> list[Labelled]:
    """Queries with their users and talks; the chats are one user's."""
    found = bench.collection(name).labelled
    return [replace(one, query=replace(one.query, user=one.query.user or name)) for one in found]


def tenancy(bench: Bench) -> Iterator[Table]:
    indexes = [facts(bench, owned) for owned in (False, True)]
    rows: list[list[Any]] = []
    for name in FACTS:
        some = labelled(bench, name)
        asked = [replace(one.query, group_by="document") for one in some]
        found = [index.retriever.retrieve(asked) for index in indexes]
        for metric in map(Metric.parse, ("ndcg@10", "recall@5")):
            without, with_ = (
                np.array(
                    [
                        metric([hit.chunk.doc_id for hit in hits], one.relevant)
                        for hits, one in zip(several, some, strict=True)
                    ]
                )
                for several in found
            )
            cells = [without.mean(), with_.mean(), gain([(with_, without)])]
            rows.append([name, str(metric), *cells])
    columns = {"set": "", "metric": "", "no owners": ".3f", "owners": ".3f", "difference": "+.3f"}
    yield Table("owners", columns, rows)
    queries = [one.query for one in labelled(bench, FACTS[0])]
    seen = zip(queries, indexes[1].search_many(queries, k=100), strict=True)
    foreign = sum(hit.chunk.user != query.user for query, hits in seen for hit in hits)
    yield Table("hits of other users", {"queries": "d", "hits": "d"}, [[len(queries), foreign]])


def profiles_of(index: Index, events: Iterator[UserEvent]) -> Profiles:
    profiles = Profiles(MemoryEvents(index.spaces.own.signature.dim), index.spaces.own.encoder)
    profiles.remember(events)
    return profiles


def ikat(bench: Bench) -> Iterator[Table]:
    index = facts(bench, True)
    known = bench.collection(FACTS[0]).documents
    profiles = profiles_of(
        index, (UserEvent(d.id, d.metadata["user_id"], d.text, 0.0, kind="fact") for d in known)
    )
    trial = Trial(
        index,
        index.experts.hybrid(),
        profiles,
        CorpusMean(index.store),
        labelled(bench, FACTS[0]),
        1,
    )
    yield from trial.tables("the talk so far", grid("session"))
    more = [Setting(0.2, gate="similar"), Setting(0.2, gate="focused")]
    more += [Setting(strength, instruction=ASKED) for strength in (0.2, 1.0)]
    yield from trial.tables("history", [*grid("attention"), *more, *grid("mean")])


@dataclass(frozen=True)
class Unseen:
    """Leaves the films of a user's history out, whoever's history bends the query."""

    retriever: Retriever
    seen: Mapping[str, set[str]]

    def retrieve(self, queries: Sequence[Query], /) -> list[list[Hit]]:
        seen = [self.seen[str(query.user)] for query in queries]
        deep = [replace(q, k=q.k + len(s)) for q, s in zip(queries, seen, strict=True)]
        return [
            [hit for hit in hits if hit.chunk.doc_id not in some][: query.k]
            for query, some, hits in zip(queries, seen, self.retriever.retrieve(deep), strict=True)
        ]


def films(bench: Bench, fused: bool) -> tuple[Trial, Setting]:
    """Everybody's tastes, and the setting that further ones vary."""
    collection = bench.collection("movielens_user")
    known = {d.id: Document(d.id, d.text, d.title) for d in collection.documents}
    index = Index.at(bench.work / "films")
    index.add(known.values())
    lines = (bench.data / "movielens_user" / "queries.jsonl").read_text("utf-8").splitlines()
    history: dict[str, list[str]] = {}
    for row in map(json.loads, lines):
        history[row["_id"]] = [id for id in row["history"] if id in known]
    profiles = profiles_of(
        index,
        (
            UserEvent(f"{at:04d}", user, _film(known[id]), float(at), kind="liked")
            for user, liked in history.items()
            for at, id in enumerate(liked)
        ),
    )
    some = [
        Labelled(Query(collection.queries[id], user=id), collection.qrels[id])
        for id in collection.judged
    ]
    retriever: Any = index.retriever if fused else index.experts.hybrid().alone(DENSE)
    unseen = Unseen(retriever, {user: set(liked) for user, liked in history.items()})
    # Ten films of 9,742 are hardly ever among the first ten.
    trial = Trial(index, unseen, profiles, CorpusMean(index.store), some, 3, "recall@50")
    return trial, Setting(3.0, temperature=0.1)


def _film(document: Document) -> str:
    return f"{document.title}\n{document.text}".strip()


def movielens(bench: Bench) -> Iterator[Table]:
    trial, base = films(bench, fused=False)
    more = [replace(base, half_life=20.0), replace(base, instruction=LIKED)]
    more += [replace(base, gate=gate) for gate in ("similar", "focused")]
    yield from trial.tables("tastes", [*grid("attention"), *more, *grid("mean")])


def fused(bench: Bench) -> Iterator[Table]:
    trial, _ = films(bench, fused=True)
    some = [one for one in [*grid("attention"), *grid("mean")] if one.strength > 0]
    some = [one for one in some if one.centred and one.temperature == 0.05]
    yield from trial.tables("tastes", some)


SUITE = Suite(
    {
        "tenancy": tenancy,
        "ikat": ikat,
        "movielens": movielens,
        "movielens-fused": fused,
        "talks": talks,
        "costs": costs,
    },
    options={
        "--users": {
            "nargs": "+",
            "type": int,
            "default": [100, 1000, 10_000],
            "help": "of costs, one size after the other",
        }
    },
)
