"""Personalisation: what tenancy and histories bring, what tuning decides, and what a million events cost.

    python benchmarks/personal.py --data DATA [--work DIR] [--parts tenancy ikat movielens costs ...]

*Tenancy*: personal facts of many people and the chats of one in one index, with owners and without.
*ikat*, *movielens*: every setting against strength 0 and against the histories of three other users, 95 %
intervals over users (who count alike); then `tune_personal` on one half of the users, and its decision
on the other half. In *ikat* a user's facts are both the corpus and the history, and the talk so far is the
session. In *movielens* liked films are the history, the query names the twenty liked last, and films of
the history are left out of the search (*movielens-fused* asks the default retriever, which takes
longer). *lihua* has one user: there is nothing to tell personal from general
by. *Costs*: random vectors of 64 numbers, 100 events for each of 100, 1,000 and 10,000 users.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from rag_embed import Document, Index, Query, encoders
from rag_embed import evaluation as ev
from rag_embed.encoders import HashEncoder
from rag_embed.maths.metrics import Metric
from rag_embed.maths.resampling import paired_bootstrap
from rag_embed.maths.vectors import unit
from rag_embed.personal.affinity import Affinity
from rag_embed.personal.bend import Bend, CorpusMean
from rag_embed.personal.events import History, UserEvent
from rag_embed.personal.profiles import Profiles
from rag_embed.personal.setting import Setting, grid
from rag_embed.personal.tuning import (
    Labelled,
    Tuned,
    _measured,
    _of_others,
    _own,
    _user_means,
    tune_personal,
)
from rag_embed.protocols import Retriever
from rag_embed.stores.events import LanceEvents
from rag_embed.stores.memory_events import MemoryEvents
from rag_embed.types import Hit

OTHERS = 3

METRIC = "recall@50"
"""Of `movielens_user`: ten films of 9,742 are hardly ever among the first ten."""


def rows(data: Path, name: str, file: str) -> list[dict[str, Any]]:
    with (data / name / file).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


class Cached:
    """An encoder that encodes no text twice, and keeps the vectors in a file."""

    def __init__(self, path: Path) -> None:
        self.encoder, self.path, self.known = encoders.load(), path, {}
        self.signature, self.token_spans = self.encoder.signature, self.encoder.token_spans
        if path.exists():
            stored = np.load(path)
            texts = json.loads(path.with_suffix(".json").read_text())
            self.known = dict(zip(texts, stored["rows"], strict=True))

    def encode_query(self, texts: Sequence[str], /) -> np.ndarray:
        """all-MiniLM-L6-v2 has no prompts: a text has one vector."""
        fresh = [text for text in dict.fromkeys(texts) if text not in self.known]
        if fresh:
            self.known |= dict(zip(fresh, self.encoder.encode_document(fresh), strict=True))
        if len(fresh) > 50:
            np.savez(self.path, rows=np.stack(list(self.known.values())))
            self.path.with_suffix(".json").write_text(json.dumps(list(self.known)))
        dim = self.signature.dim
        return np.array([self.known[text] for text in texts], np.float32).reshape(-1, dim)

    encode_document = encode_query


def built(work: Path, documents: Sequence[Document]) -> Index:
    """In memory, and without token evidence, which a query with a vector of its own has not."""
    encoder = Cached(work / "vectors.npz")
    index = Index.in_memory(encoder=encoder, chunk_tokens=None, tokens=False)
    index.add(documents)
    return index


def labels(data: Path, name: str, query: Callable[[dict[str, Any]], Query]) -> list[Labelled]:
    qrels = ev.read_collection(data / name).qrels
    return [Labelled(query(row), qrels[row["_id"]]) for row in rows(data, name, "queries.jsonl")]


def facts(data: Path, owned: bool) -> list[Document]:
    """The facts of `ikat_facts` and the chats of `lihua`."""
    documents = [
        Document(row["_id"], row["text"], user=row["user_id"] if owned else None)
        for row in rows(data, "ikat_facts", "corpus.jsonl")
    ]
    return documents + [
        Document(row["_id"], row["text"], row["title"], user="lihua" if owned else None)
        for row in rows(data, "lihua", "corpus.jsonl")
    ]


def ikat(data: Path) -> list[Labelled]:
    return labels(
        data,
        "ikat_facts",
        lambda row: Query(row["text"], user=row["user_id"], previous=tuple(row["previous"])),
    )


def lihua(data: Path) -> list[Labelled]:
    return labels(data, "lihua", lambda row: Query(row["text"], user="lihua"))


def difference(first: np.ndarray, second: np.ndarray) -> tuple[str, list[float]]:
    found = paired_bootstrap(first, second)
    figures = [found.value, found.low, found.high]
    return f"{figures[0]:+.4f} ({figures[1]:+.4f} to {figures[2]:+.4f})", figures


def tenancy(data: Path, work: Path, console: Console) -> dict[str, Any]:
    table = Table("set", "metric", "no owners", "owners", "difference", title="tenancy filter")
    own, none = built(work, facts(data, True)), built(work, facts(data, False))
    results: dict[str, Any] = {}
    for name, some in (("ikat_facts", ikat(data)), ("lihua", lihua(data))):
        for metric in ("ndcg@10", "recall@5"):
            queries = [one.query for one in some]
            parsed = Metric.parse(metric)
            a, b = (_measured(i.retriever, some, parsed, queries) for i in (none, own))
            text, figures = difference(b, a)
            results[f"{name} {metric}"] = [float(a.mean()), float(b.mean()), *figures]
            table.add_row(name, metric, f"{a.mean():.3f}", f"{b.mean():.3f}", text)
    console.print(table)
    seen = own.search_many([one.query for one in ikat(data)], k=100)
    queries = [one.query for one in ikat(data)]
    foreign = sum(
        h.chunk.user != q.user for q, some in zip(queries, seen, strict=True) for h in some
    )
    console.print(f"hits of other users with owners: {foreign}")
    return {**results, "foreign_hits": foreign}


def variants(
    title: str,
    retriever: Retriever,
    settings: Sequence[Setting],
    make: Callable[[Setting], Any],
    some: Sequence[Labelled],
    metric: str,
    console: Console,
) -> list[dict[str, Any]]:
    """Every setting against none and against other users."""
    parsed = Metric.parse(metric)
    users = sorted({str(one.query.user) for one in some})
    none = _user_means(some, users, _measured(retriever, some, parsed, [o.query for o in some]))
    table = Table("setting", metric, "against none", "against other users", title=title)
    table.add_row("strength 0", f"{none.mean():.4f}", "", "")
    found = []
    for setting in settings:
        transform = make(setting)
        own = _user_means(some, users, _measured(retriever, some, parsed, _own(transform, some)))
        wrong = _user_means(
            some, users, _of_others(retriever, transform, some, some, users, OTHERS, parsed)
        )
        gain, specific = difference(own, none), difference(own, wrong)
        table.add_row(short(setting), f"{own.mean():.4f}", gain[0], specific[0])
        found.append(
            {"setting": asdict(setting), "own": float(own.mean()), "none": float(none.mean())}
            | {"gain": gain[1], "specific": specific[1]}
        )
    console.print(table)
    return found


def short(setting: Setting) -> str:
    names = [setting.pooling, f"strength {setting.strength:g}"]
    names += ["centred"] if setting.centred else []
    names += [f"temperature {setting.temperature:g}"] if setting.pooling != "mean" else []
    names += [f"half-life {setting.half_life:g}"] if setting.half_life else []
    return ", ".join([*names, *([setting.gate] if setting.gate != "none" else [])])


def halves(
    title: str,
    retriever: Retriever,
    settings: Sequence[Setting],
    make: Callable[[Setting], Any],
    some: Sequence[Labelled],
    metric: str,
    console: Console,
) -> dict[str, Any]:
    """The decision on one half of the users, and what it is worth on the other."""
    users = sorted({str(one.query.user) for one in some})
    order = np.random.default_rng(0).permutation(len(users))
    first = {users[i] for i in order[: len(users) // 2]}
    chosen_on = [one for one in some if one.query.user in first]
    reported = [one for one in some if one.query.user not in first]
    tuned = tune_personal(retriever, settings, make, chosen_on, metric=metric)
    console.print(f"{title}: on {len(first)} users: {tuned.reason}")
    everybody = tune_personal(retriever, settings, make, some, metric=metric)
    console.print(f"{title}: on all {len(users)} users, each held out: {everybody.reason}")
    result = {
        "all": everybody.reason,
        "on": tuned.on,
        "reason": tuned.reason,
        "setting": asdict(tuned.setting),
    }
    best = tuned.setting if tuned.on else max(tuned.tried, key=lambda one: one.own).setting
    said = "chosen" if tuned.on else "best there, but rejected"
    [held] = variants(
        f"{title}: {said}, on the other users", retriever, [best], make, reported, metric, console
    )
    return result | {"held_out": held}


def personal_ikat(data: Path, work: Path, console: Console) -> dict[str, Any]:
    index = built(work, facts(data, True))
    some, encoder = ikat(data), index.space
    profiles = Profiles(MemoryEvents(index.space.signature.dim), index.space.encoder)
    profiles.remember(
        UserEvent(row["_id"], row["user_id"], row["text"], 0.0, kind="fact")
        for row in rows(data, "ikat_facts", "corpus.jsonl")
    )
    centre = CorpusMean(index.store)

    def make(setting: Setting) -> Any:
        return setting.bend(profiles, encoder, centre)

    results: dict[str, Any] = {}
    for kind, settings in {
        "history": [
            *grid("attention"),
            Setting(0.2, gate="similar"),
            Setting(0.2, gate="focused"),
            *grid("mean"),
        ],
        "session": grid("session"),
    }.items():
        title = f"ikat_facts, {kind}"
        common = (index.retriever, settings, make, some, "ndcg@10", console)
        results[kind] = {"all": variants(title, *common), "halves": halves(title, *common)}
    return results


class Swapped:
    """Everybody's history is that of the next user: the control of `Affinity`."""

    def __init__(self, histories: Profiles, users: Sequence[str]) -> None:
        self.histories = histories
        self.next = dict(zip(users, [*users[1:], users[0]], strict=True))

    def history(self, user: str, /) -> History:
        return self.histories.history(self.next[user])


class Exact:
    """Cosine with every document: the dense leg alone, for many queries at once."""

    def __init__(self, index: Index) -> None:
        view, self.encoder = index.store.view(), index.space
        ids = index.store.document_ids()
        self.chunks = [chunk for id in ids for chunk in view.document_chunks(id)]
        self.rows = view.vectors("dense", [chunk.id for chunk in self.chunks])

    def retrieve(self, queries: Sequence[Query], /) -> list[list[Hit]]:
        plain = self.encoder.encode_query([query.text for query in queries])
        asked = np.stack(
            [q.vectors.get("dense", row) for q, row in zip(queries, plain, strict=True)]
        )
        scores = np.round(asked @ self.rows.T, 5)
        orders = np.argsort(-scores, axis=1, kind="stable")
        return [
            [Hit(self.chunks[i], float(row[i]), 0.0) for i in order[: query.k]]
            for query, row, order in zip(queries, scores, orders, strict=True)
        ]


class Unseen:
    """Leaves the films of a user's history out, whoever's history bends the query."""

    def __init__(self, retriever: Retriever, seen: Mapping[str, set[str]]) -> None:
        self.retriever, self.seen = retriever, seen

    def retrieve(self, queries: Sequence[Query], /) -> list[list[Hit]]:
        seen = [self.seen[str(query.user)] for query in queries]
        deep = [replace(q, k=q.k + len(s)) for q, s in zip(queries, seen, strict=True)]
        return [
            [hit for hit in hits if hit.chunk.doc_id not in some][: query.k]
            for query, some, hits in zip(queries, seen, self.retriever.retrieve(deep), strict=True)
        ]


def affinities(
    index: Index,
    retriever: Retriever,
    profiles: Profiles,
    some: Sequence[Labelled],
    metric: str,
    console: Console,
) -> list[dict[str, Any]]:
    parsed, queries = Metric.parse(metric), [one.query for one in some]
    users = sorted({str(one.query.user) for one in some})

    def mean(asked: Retriever) -> np.ndarray:
        return _user_means(some, users, _measured(asked, some, parsed, queries))

    table = Table("strength", metric, "against none", "against others", title="movielens, affinity")
    none, found = mean(retriever), []
    for strength in (0.1, 0.3, 1.0):
        own = mean(Affinity(retriever, index.store, profiles, strength, depth=100))
        wrong = mean(
            Affinity(retriever, index.store, Swapped(profiles, users), strength, depth=100)
        )
        gain, specific = difference(own, none), difference(own, wrong)
        table.add_row(f"{strength}", f"{own.mean():.4f}", gain[0], specific[0])
        found.append({"strength": strength, "gain": gain[1], "specific": specific[1]})
    console.print(table)
    return found


def personal_movielens(
    data: Path, work: Path, console: Console, fused: bool = False
) -> dict[str, Any]:
    films = {row["_id"]: row for row in rows(data, "movielens_user", "corpus.jsonl")}
    index = built(work, [Document(id, row["text"], row["title"]) for id, row in films.items()])
    users = rows(data, "movielens_user", "queries.jsonl")
    profiles = Profiles(MemoryEvents(index.space.signature.dim), index.space.encoder)
    profiles.remember(
        UserEvent(
            f"{at:04d}",
            row["_id"],
            f"{films[id]['title']}\n{films[id]['text']}".strip(),
            float(at),
            kind="liked",
        )
        for row in users
        for at, id in enumerate(row["history"])
        if id in films
    )
    some = labels(
        data,
        "movielens_user",
        lambda row: Query(row["text"], user=row["_id"]),
    )
    centre = CorpusMean(index.store)

    def make(setting: Setting) -> Any:
        return setting.bend(profiles, index.space, centre)

    seen = {row["_id"]: set(row["history"]) for row in users}
    dense = Exact(index)
    settings = [*grid("attention"), *grid("mean")]
    few = [s for s in settings if s.centred and s.strength > 0 and s.temperature == 0.05]
    results: dict[str, Any] = {}
    systems = [("dense alone", Unseen(dense, seen), settings)]
    if fused:
        systems = [("default", Unseen(index.retriever, seen), few)]
    for name, retriever, some_settings in systems:
        title = f"movielens_user, {name}"
        common = (retriever, some_settings, make, some, METRIC, console)
        results[name] = {
            "all": variants(f"{title}, all users", *common),
            "halves": halves(title, *common),
        }
    if fused:
        return results
    results["affinity"] = affinities(index, Unseen(dense, seen), profiles, some, METRIC, console)
    return results


def personal_lihua(data: Path, work: Path, console: Console) -> dict[str, Any]:
    index = built(work, facts(data, True))
    profiles = Profiles(MemoryEvents(index.space.signature.dim), index.space.encoder)
    tuned: Tuned = tune_personal(
        index.retriever,
        grid("mean"),
        lambda setting: setting.bend(profiles, index.space, CorpusMean(index.store)),
        lihua(data),
    )
    console.print(f"lihua: {tuned.reason}")
    return {"reason": tuned.reason, "none": tuned.none}


def milliseconds(act: Callable[[int], object], repeats: int = 40) -> float:
    spent = []
    for i in range(repeats):
        start = time.perf_counter()
        act(i)
        spent.append(1000 * (time.perf_counter() - start))
    return statistics.median(spent)


def measured_costs(profiles: Profiles, bend: Bend, someone: list[str]) -> dict[str, float]:
    """Medians over some users."""
    store = profiles.store

    def remember(i: int) -> None:
        profiles.remember([UserEvent(f"new{i}", someone[i], "new", 1e3)])

    return {
        "one_ms": milliseconds(remember),
        "history_ms": milliseconds(lambda i: store.history(someone[i])),
        "total_ms": milliseconds(lambda i: store.total(someone[i])),
        "cold_ms": milliseconds(lambda i: bend.transform([Query("x", user=f"cold{i}")])),
        "bent_ms": milliseconds(lambda i: bend.transform([Query("x", user=someone[i])])),
        "forget_ms": milliseconds(lambda i: store.forget(someone[-1 - i]), repeats=5),
    }


def costs(console: Console, sizes: Sequence[int]) -> list[dict[str, float]]:
    encoder, each, dim = HashEncoder(64), 100, 64
    table = Table(
        "users", "events", "add, us/event", "one event, ms", "history, ms", "sum, ms", "cold, ms",
        "bent query, ms", "forget, ms", "disk, MB", "memory, MB",
        title="costs, medians; added in writes of 50,000",
    )  # fmt: skip
    found = []
    with tempfile.TemporaryDirectory() as folder:
        store = LanceEvents(folder, encoder.signature, half_life=30 * 86400.0)
        profiles = Profiles(store, encoder)
        bend = Setting(0.2, prior=0.0, centred=False).bend(
            profiles, encoder, lambda user: np.zeros(dim)
        )
        rng, users, seconds = np.random.default_rng(0), 0, 0.0
        for size in sizes:
            fresh, before = 0, seconds
            while users < size:
                more = min(500, size - users)
                events = [
                    UserEvent(f"{e}", f"user{u}", f"what user {u} asked {e}", float(e))
                    for u in range(users, users + more)
                    for e in range(each)
                ]
                vectors = unit(rng.normal(size=(len(events), dim)).astype(np.float32))
                start = time.perf_counter()
                store.add(events, vectors, vectors)
                seconds += time.perf_counter() - start
                users, fresh = users + more, fresh + len(events)
            someone = [f"user{u}" for u in rng.integers(users, size=40)]
            row = {
                "users": users,
                "events": users * each,
                "add_us": 1e6 * (seconds - before) / fresh,
            }
            row |= measured_costs(profiles, bend, someone)
            size_on_disk = sum(f.stat().st_size for f in Path(folder).rglob("*") if f.is_file())
            row["disk_mb"] = size_on_disk / 1e6
            row["memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
            found.append(row)
            table.add_row(*(f"{value:,.1f}" for value in row.values()))
    console.print(table)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parts = ["tenancy", "ikat", "movielens", "movielens-fused", "lihua", "costs"]
    parser.add_argument("--parts", nargs="+", default=parts, choices=parts)
    parser.add_argument(
        "--users", nargs="+", type=int, default=[100, 1000, 10_000], help="of costs"
    )
    parser.add_argument("--out", type=Path, default=Path("results/personal.json"))
    parser.add_argument("--work", type=Path, help="keep the indexes here")
    arguments = parser.parse_args()
    console = Console(width=150)
    known = json.loads(arguments.out.read_text()) if arguments.out.exists() else {}
    with tempfile.TemporaryDirectory() as scratch:
        work = arguments.work or Path(scratch)
        run: dict[str, Callable[[], Any]] = {
            "tenancy": lambda: tenancy(arguments.data, work, console),
            "ikat": lambda: personal_ikat(arguments.data, work, console),
            "movielens": lambda: personal_movielens(arguments.data, work, console),
            "movielens-fused": lambda: personal_movielens(
                arguments.data, work, console, fused=True
            ),
            "lihua": lambda: personal_lihua(arguments.data, work, console),
            "costs": lambda: costs(console, arguments.users),
        }
        for part in arguments.parts:
            known[part] = run[part]()
            arguments.out.parent.mkdir(parents=True, exist_ok=True)
            arguments.out.write_text(json.dumps(known, indent=2))


if __name__ == "__main__":
    main()
