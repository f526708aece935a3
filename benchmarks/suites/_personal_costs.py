"""What events cost, for `personal`: a million of many users, and ever more of one."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.common import Bench, seconds
from benchmarks.records import Table
from rag_embed import Query
from rag_embed.encoders import HashEncoder
from rag_embed.events import History, UserEvent
from rag_embed.maths.vectors import unit
from rag_embed.personal.bend import Bend
from rag_embed.personal.pooling import AttentionPooling
from rag_embed.personal.profiles import Profiles
from rag_embed.personal.setting import Setting
from rag_embed.stores.events import LanceEvents
from rag_embed.types import DENSE, Vectors

DIM, EACH = 384, 100
WRITE = 250
"""Users in one write."""

FORGOTTEN = 5

TOPICS, ASKED, MANY = 500, 24, 10_000
"""Of one user's events; queries; events in one write."""


def measured(profiles: Profiles, bend: Bend, someone: Sequence[str]) -> dict[str, float]:
    """Medians over some users."""
    store = profiles.store
    acts: dict[str, Callable[[str], object]] = {
        "history": store.history,
        "sum": store.total,
        "bent query": lambda user: bend.transform([Query("x", user=user)]),
        "one event": lambda user: profiles.remember([UserEvent("new", user, "new", 1e3)]),
        "forget": store.forget,
    }
    found = {}
    for name, act in acts.items():
        users = someone[:FORGOTTEN] if name == "forget" else someone
        spent = [seconds(act, user)[1] for user in users]
        found[f"{name}, ms"] = 1000 * statistics.median(spent)
    return found


def history(bench: Bench) -> Iterator[Table]:
    """One user with ever more events, which lie around `TOPICS` as what a person does lies around few."""
    encoder, rng, rows = HashEncoder(DIM), np.random.default_rng(0), []
    topics = unit(rng.normal(size=(TOPICS, DIM)))

    def around(n: int) -> Vectors:
        return unit(topics[rng.integers(TOPICS, size=n)] + 0.05 * rng.normal(size=(n, DIM)))

    ways = {"no decay": Setting(0.2, prior=0.0, centred=False)}
    ways["half-life of 1,000 events"] = replace(ways["no decay"], half_life=1000.0)
    first: dict[str, float] = {}
    for size in sorted(bench.options.events):
        with TemporaryDirectory() as folder:
            store = LanceEvents(folder, encoder.signature)
            for at in range(0, size, MANY):
                numbers = range(at, min(at + MANY, size))
                events = [UserEvent(str(i), "ann", f"asked {i}", float(i)) for i in numbers]
                vectors = around(len(events))
                store.add(events, vectors, vectors)
            asked = [Query("x", user="ann", vectors={DENSE: row}) for row in around(ASKED)]
            everything = store.history("ann")
            for name, setting in ways.items():
                bend = setting.bend(Profiles(store, encoder), encoder, lambda user: np.zeros(DIM))
                bend.bent(asked[:2])
                spent = [processor_seconds(bend.bent, [query]) for query in asked]
                took = 1000 * statistics.median(spent)
                pooling = AttentionPooling(Profiles(store, encoder), half_life=setting.half_life)
                kept = [_kept(pooling, everything, query.vectors[DENSE]) for query in asked]
                rows.append([name, size, took, took / first.setdefault(name, took), np.mean(kept)])
        bench.say(f"{size} events: done")
    columns = {"way": "", "events": ",d", "ms of a processor": ".1f", "times the first": ".2f"}
    yield Table("a bent query of one user", {**columns, "share of full attention": ".4f"}, rows)


def _kept(pooling: AttentionPooling, everything: History, row: Vectors) -> float:
    """How much of what attention over everything picks was found."""
    full = pooling.pooled(everything, row)
    [look] = pooling.ask([Query("x", user="ann")])
    assert look is not None
    found = {event.id for event in look(row).events}
    ids = (event.id in found for event in full.events)
    return float(full.shares @ np.fromiter(ids, np.float64, len(full.events)))


def processor_seconds(act: Callable[..., object], *arguments: object) -> float:
    """Neighbours on the machine do not count."""
    start = time.process_time()
    act(*arguments)
    return time.process_time() - start


def costs(bench: Bench) -> Iterator[Table]:
    encoder, rng, known, found = HashEncoder(DIM), np.random.default_rng(0), 0, []
    with TemporaryDirectory() as folder:
        store = LanceEvents(folder, encoder.signature, half_life=30 * 86400.0)
        profiles = Profiles(store, encoder)
        setting = Setting(0.2, prior=0.0, centred=False)
        bend = setting.bend(profiles, encoder, lambda user: np.zeros(DIM))
        for size in sorted(bench.options.users):
            spent, before = 0.0, known
            while known < size:
                users = range(known, min(known + WRITE, size))
                events = [
                    UserEvent(f"{e}", f"user{u}", f"what user {u} asked {e}", float(e))
                    for u in users
                    for e in range(EACH)
                ]
                rows = unit(rng.normal(size=(len(events), DIM)).astype(np.float32))
                spent += seconds(store.add, events, rows, rows)[1]
                known = users.stop
            someone = [f"user{u}" for u in rng.integers(known, size=40)]
            disk = sum(f.stat().st_size for f in Path(folder).rglob("*") if f.is_file())
            found.append(
                {
                    "users": known,
                    "events": known * EACH,
                    "add many, µs an event": 1e6 * spent / EACH / (known - before),
                    **measured(profiles, bend, someone),
                    "disk, MB": disk / 1e6,
                }
            )
            bench.say(f"{known} users: done")
    columns = {name: ",d" if name in ("users", "events") else ",.1f" for name in found[0]}
    yield Table("costs, medians", columns, [list(row.values()) for row in found])
