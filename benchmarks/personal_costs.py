"""What a million events cost: random unit vectors, 100 events for each user."""

from __future__ import annotations

import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from rag_embed import Query
from rag_embed.encoders import HashEncoder
from rag_embed.events import UserEvent
from rag_embed.maths.vectors import unit
from rag_embed.personal.bend import Bend
from rag_embed.personal.profiles import Profiles
from rag_embed.personal.setting import Setting
from rag_embed.stores.events import LanceEvents, _bucket

DIM = 384
SERIES = 150
"""Single events into one table, so that what keeps it in order is paid for too."""


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

    crowd = [user for user in someone if _bucket(user) == _bucket(someone[0])]

    def remember_there(i: int) -> None:
        profiles.remember([UserEvent(f"same{i}", crowd[i % len(crowd)], "new", 1e3)])

    start = time.perf_counter()
    for i in range(SERIES):
        remember_there(i)
    mean = 1000 * (time.perf_counter() - start) / SERIES
    return {
        "one_ms": milliseconds(remember),
        "mean_ms": mean,
        "history_ms": milliseconds(lambda i: store.history(someone[i])),
        "total_ms": milliseconds(lambda i: store.total(someone[i])),
        "cold_ms": milliseconds(lambda i: bend.transform([Query("x", user=f"cold{i}")])),
        "bent_ms": milliseconds(lambda i: bend.transform([Query("x", user=someone[i])])),
        "forget_ms": milliseconds(lambda i: store.forget(someone[-1 - i]), repeats=5),
    }


def costs(console: Console, sizes: Sequence[int]) -> list[dict[str, float]]:
    encoder, each = HashEncoder(DIM), 100
    table = Table(
        "users", "events", "add many, us/event", "one event, ms", "mean of 150 in one table, ms",
        "history, ms", "sum, ms", "cold, ms", "bent query, ms", "forget, ms", "disk, MB",
        "memory, MB", title=f"costs, medians; {DIM} numbers a vector; added in writes of 25,000",
    )  # fmt: skip
    found = []
    with tempfile.TemporaryDirectory() as folder:
        store = LanceEvents(folder, encoder.signature, half_life=30 * 86400.0)
        profiles = Profiles(store, encoder)
        bend = Setting(0.2, prior=0.0, centred=False).bend(
            profiles, encoder, lambda user: np.zeros(DIM)
        )
        rng, users, seconds = np.random.default_rng(0), 0, 0.0
        for size in sizes:
            fresh, before = 0, seconds
            while users < size:
                more = min(250, size - users)
                events = [
                    UserEvent(f"{e}", f"user{u}", f"what user {u} asked {e}", float(e))
                    for u in range(users, users + more)
                    for e in range(each)
                ]
                vectors = unit(rng.normal(size=(len(events), DIM)).astype(np.float32))
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
