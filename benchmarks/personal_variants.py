"""Every setting against none and against other users; and what tuning decides, on the other half."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from personal_sets import difference
from rich.console import Console
from rich.table import Table

from rag_embed import Index
from rag_embed.evaluation import Labelled
from rag_embed.events import History
from rag_embed.maths.metrics import Metric
from rag_embed.personal.affinity import Affinity
from rag_embed.personal.profiles import Profiles
from rag_embed.personal.setting import Setting
from rag_embed.protocols import Histories, Retriever
from rag_embed.ranking.rerank import Reranked
from rag_embed.tuning.personal import (
    _measured,
    _of_others,
    _own,
    _user_means,
    tune_personal,
)

OTHERS = 3


def variants(
    title: str,
    retriever: Retriever,
    settings: Sequence[Setting],
    make: Callable[[Setting], Any],
    some: Sequence[Labelled],
    metric: str,
    console: Console,
    others: int = OTHERS,
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
            some, users, _of_others(retriever, transform, some, some, users, others, parsed)
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
    names += ["instruction"] if setting.instruction else []
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
        "on": tuned.kept,
        "reason": tuned.reason,
        "setting": asdict(tuned.value),
    }
    said = "chosen" if tuned.kept else "best there, but rejected"
    [held] = variants(
        f"{title}: {said}, on the other users",
        retriever,
        [tuned.value],
        make,
        reported,
        metric,
        console,
    )
    return result | {"held_out": held}


class Swapped:
    """Everybody's history is that of the next user: the control of `Affinity`."""

    def __init__(self, histories: Profiles, users: Sequence[str]) -> None:
        self.histories = histories
        self.next = dict(zip(users, [*users[1:], users[0]], strict=True))

    def history(self, user: str, /) -> History:
        return self.histories.history(self.next[user])


def affinities(
    title: str,
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

    def likings(histories: Histories, strength: float) -> Retriever:
        affinity = Affinity(index.store, histories)
        return Reranked(retriever, affinity, depth=100, weight=strength, spread=False)

    table = Table("strength", metric, "against none", "against other users", title=title)
    none, found = mean(retriever), []
    for strength in (0.1, 0.3, 1.0):
        own = mean(likings(profiles, strength))
        wrong = mean(likings(Swapped(profiles, users), strength))
        gain, specific = difference(own, none), difference(own, wrong)
        table.add_row(f"{strength}", f"{own.mean():.4f}", gain[0], specific[0])
        found.append({"strength": strength, "gain": gain[1], "specific": specific[1]})
    console.print(table)
    return found
