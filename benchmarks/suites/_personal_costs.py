"""What a million events cost, for `personal`: random unit vectors, 100 events for each user."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.common import Bench, seconds
from benchmarks.records import Table
from rag_embed import Query
from rag_embed.encoders import HashEncoder
from rag_embed.events import UserEvent
from rag_embed.maths.vectors import unit
from rag_embed.personal.bend import Bend
from rag_embed.personal.profiles import Profiles
from rag_embed.personal.setting import Setting
from rag_embed.stores.events import LanceEvents

DIM, EACH = 384, 100
WRITE = 250
"""Users in one write."""

FORGOTTEN = 5


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
