"""A user's facts are both the corpus and the history (ikat_facts); one user alone (lihua); the filter."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from personal_sets import Once, built, difference, facts, ikat, lihua, rows
from personal_variants import affinities, halves, variants
from rich.console import Console
from rich.table import Table

from rag_embed import Index
from rag_embed.events import UserEvent
from rag_embed.maths.metrics import Metric
from rag_embed.personal.bend import CorpusMean
from rag_embed.personal.profiles import Profiles
from rag_embed.personal.setting import Setting, grid
from rag_embed.stores.memory_events import MemoryEvents
from rag_embed.tuning.personal import tune_personal

INSTRUCTION = "Which personal facts matter for this question?"


def tenancy(data: Path, work: Path, console: Console) -> dict[str, Any]:
    table = Table("set", "metric", "no owners", "owners", "difference", title="tenancy filter")
    own = built(work, "facts-owned", facts(data, True))
    none = built(work, "facts-shared", facts(data, False))
    results: dict[str, Any] = {}
    for name, some in (("ikat_facts", ikat(data)), ("lihua", lihua(data))):
        asked = [replace(one.query, k=10, group_by="document") for one in some]
        found = [
            [[hit.chunk.doc_id for hit in hits] for hits in index.retriever.retrieve(asked)]
            for index in (none, own)
        ]
        for metric in ("ndcg@10", "recall@5"):
            parsed = Metric.parse(metric)
            a, b = (
                np.array([parsed(ids, o.relevant) for ids, o in zip(lists, some, strict=True)])
                for lists in found
            )
            text, figures = difference(b, a)
            results[f"{name} {metric}"] = [float(a.mean()), float(b.mean()), *figures]
            table.add_row(name, metric, f"{a.mean():.3f}", f"{b.mean():.3f}", text)
    console.print(table)
    queries = [one.query for one in ikat(data)]
    seen = own.search_many(queries, k=100)
    foreign = sum(
        h.chunk.user != q.user for q, some in zip(queries, seen, strict=True) for h in some
    )
    console.print(f"hits of other users with owners: {foreign}")
    return {**results, "foreign_hits": foreign}


def _profiles(data: Path, index: Index) -> Profiles:
    profiles = Profiles(MemoryEvents(index.spaces.own.signature.dim), index.spaces.own.encoder)
    profiles.remember(
        UserEvent(row["_id"], row["user_id"], row["text"], 0.0, kind="fact")
        for row in rows(data, "ikat_facts", "corpus.jsonl")
    )
    return profiles


def personal_ikat(data: Path, work: Path, console: Console) -> dict[str, Any]:
    index = built(work, "facts-owned", facts(data, True))
    some, retriever = ikat(data), Once(index.experts.hybrid())
    profiles, centre = _profiles(data, index), CorpusMean(index.store)

    def make(setting: Setting) -> Any:
        return setting.bend(profiles, index.spaces.own, centre)

    results: dict[str, Any] = {}
    for kind, settings in {
        "session": grid("session"),
        "history": [
            *grid("attention"),
            Setting(0.2, gate="similar"),
            Setting(0.2, gate="focused"),
            Setting(0.2, instruction=INSTRUCTION),
            Setting(1.0, instruction=INSTRUCTION),
            *grid("mean"),
        ],
    }.items():
        title = f"ikat_facts, {kind}"
        common = (retriever, settings, make, some, "ndcg@10", console)
        everybody = variants(title, *common, others=1)
        results[kind] = {"all": everybody, "halves": halves(title, *common)}
    title = "ikat_facts, affinity"
    results["affinity"] = affinities(title, index, retriever, profiles, some, "ndcg@10", console)
    return results


def personal_lihua(data: Path, work: Path, console: Console) -> dict[str, Any]:
    index = built(work, "facts-owned", facts(data, True))
    profiles = Profiles(MemoryEvents(index.spaces.own.signature.dim), index.spaces.own.encoder)
    tuned = tune_personal(
        index.experts.hybrid(),
        grid("mean"),
        lambda setting: setting.bend(profiles, index.spaces.own, CorpusMean(index.store)),
        lihua(data),
    )
    console.print(f"lihua: {tuned.reason}")
    return {"reason": tuned.reason, "tried": [asdict(one) for one in tuned.tried]}
