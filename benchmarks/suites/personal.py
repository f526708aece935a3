"""Personalisation: what owners, histories and talks bring, what tuning decides, what a million events cost.

Settings stand against strength 0 and against the histories of other users; users count alike. *Ikat*: a user's
facts are both corpus and history, the talk so far is the session. *Movielens*: liked films are the history, the
query names the twenty liked last, and films of the history are left out of the search.
*History*: one user's events, from 1,000 on.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.common import Bench, Suite, gain
from benchmarks.records import Table
from benchmarks.suites._personal_costs import costs, history
from benchmarks.suites._personal_trial import Trial
from benchmarks.suites._talks import talks
from rag_embed import Document, Index, Query
from rag_embed import evaluation as ev
from rag_embed.events import UserEvent
from rag_embed.personal.bend import CorpusMean
from rag_embed.personal.profiles import Profiles
from rag_embed.personal.setting import Setting, grid
from rag_embed.protocols import Retriever
from rag_embed.stores.memory_events import MemoryEvents
from rag_embed.types import DENSE, Hit

FACTS = ("ikat_facts", "lihua")
ASKED = "Which personal facts matter for this question?"
LIKED = "films of the kind that this person enjoys"


def owned(bench: Bench) -> list[Document]:
    """The facts of `ikat_facts` and the chats of `lihua`, each with its owner."""
    return [
        replace(d, metadata={}, user=str(d.metadata.get("user_id", "lihua")))
        for name in FACTS
        for d in bench.collection(name).documents
    ]


def facts(bench: Bench, documents: Sequence[Document]) -> Index:
    index = Index.at(bench.work / f"facts-{'shared' if documents[0].user is None else 'owned'}")
    index.add(documents)
    return index


def asked(bench: Bench, name: str) -> ev.Collection:
    """Queries with their users and talks; the chats are one user's."""
    known = bench.collection(name)
    users = known.users or dict.fromkeys(known.queries, name)
    return replace(known, documents=tuple(owned(bench)), users=users)


def tenancy(bench: Bench) -> Iterator[Table]:
    private = owned(bench)
    indexes = {
        "no owners": facts(bench, [replace(d, user=None) for d in private]),
        "owners": facts(bench, private),
    }
    systems = {n: ev.from_retriever(i.retriever, depth=10) for n, i in indexes.items()}
    rows: list[list[Any]] = []
    for collection in (asked(bench, name) for name in FACTS):
        metrics = ("ndcg@10", "recall@5")
        found = ev.evaluate(systems, collection, metrics=metrics, depth=10)
        for metric in metrics:
            without, with_ = (found.scores(name, metric) for name in systems)
            against = gain([(with_, without)])
            rows.append([collection.name, metric, without.mean(), with_.mean(), against])
    columns = {"set": "", "metric": "", "no owners": ".3f", "owners": ".3f", "difference": "+.3f"}
    yield Table("owners", columns, rows)
    queries = [one.query for one in asked(bench, FACTS[0]).labelled]
    seen = zip(queries, indexes["owners"].search_many(queries, k=100), strict=True)
    foreign = sum(hit.chunk.user != query.user for query, hits in seen for hit in hits)
    yield Table("hits of other users", {"queries": "d", "hits": "d"}, [[len(queries), foreign]])


def profiles_of(index: Index, events: Iterator[UserEvent]) -> Profiles:
    profiles = Profiles(MemoryEvents(index.spaces.own.signature.dim), index.spaces.own.encoder)
    profiles.remember(events)
    return profiles


def ikat(bench: Bench) -> Iterator[Table]:
    collection = asked(bench, FACTS[0])
    index = facts(bench, collection.documents)
    profiles = profiles_of(
        index,
        (
            UserEvent(d.id, d.metadata["user_id"], d.text, 0.0, kind="fact")
            for d in bench.collection(FACTS[0]).documents
        ),
    )
    centre = CorpusMean(index.store)
    trial = Trial(index, index.experts.hybrid(), profiles, centre, collection.labelled, 1)
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


def movielens(bench: Bench) -> Iterator[Table]:
    collection = bench.collection("movielens_user")
    films = {d.id: Document(d.id, d.text, d.title) for d in collection.documents}
    index = Index.at(bench.work / "films")
    index.add(films.values())
    lines = (bench.data / "movielens_user" / "queries.jsonl").read_text("utf-8").splitlines()
    users = {row["_id"]: row["history"] for row in map(json.loads, lines)}
    events = (
        UserEvent(f"{at:04d}", user, f"{film.title}\n{film.text}".strip(), float(at), kind="liked")
        for user, history in users.items()
        for at, film in enumerate(map(films.get, history))
        if film
    )
    profiles, dense = profiles_of(index, events), index.experts.hybrid().alone(DENSE)
    unseen = Unseen(dense, {user: set(history) for user, history in users.items()})
    known = replace(collection, users={user: user for user in users}).labelled
    # Ten films of 9,742 are hardly ever among the first ten.
    trial = Trial(index, unseen, profiles, CorpusMean(index.store), known, 3, "recall@50")
    base = Setting(3.0, temperature=0.1)
    more = [replace(base, half_life=20.0), replace(base, instruction=LIKED)]
    more += [replace(base, gate="similar"), replace(base, gate="focused")]
    yield from trial.tables("tastes", [*grid("attention"), *more, *grid("mean")])


SUITE = Suite(
    {
        "tenancy": tenancy,
        "ikat": ikat,
        "movielens": movielens,
        "talks": talks,
        "costs": costs,
        "history": history,
    },
    options={
        "--users": {"nargs": "+", "type": int, "default": [100, 1000, 10_000], "help": "of costs"},
        "--events": {
            "nargs": "+",
            "type": int,
            "default": [1000, 10_000, 100_000],
            "help": "of one user, in history",
        },
    },
)
