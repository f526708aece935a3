"""Real tastes over a shared corpus: movielens_user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from personal_sets import Once, built, labels, rows
from personal_variants import affinities, halves, variants
from rich.console import Console

from rag_embed import Document, Index, Query
from rag_embed.events import UserEvent
from rag_embed.personal.bend import CorpusMean
from rag_embed.personal.profiles import Profiles
from rag_embed.personal.setting import Setting, grid
from rag_embed.protocols import Retriever
from rag_embed.stores.memory_events import MemoryEvents
from rag_embed.types import Hit

METRIC = "recall@50"
"""Ten films of 9,742 are hardly ever among the first ten."""

INSTRUCTION = "films of the kind that this person enjoys"


class Exact:
    """Cosine with every document: the dense leg alone, for many queries at once."""

    def __init__(self, index: Index) -> None:
        view, self.encoder = index.store.view(), index.spaces.own
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


def _index(data: Path, work: Path) -> tuple[Index, Profiles]:
    films = {row["_id"]: row for row in rows(data, "movielens_user", "corpus.jsonl")}
    documents = [Document(id, row["text"], row["title"]) for id, row in films.items()]
    index = built(work, "films", documents)
    profiles = Profiles(MemoryEvents(index.spaces.own.signature.dim), index.spaces.own.encoder)
    profiles.remember(
        UserEvent(
            f"{at:04d}",
            row["_id"],
            f"{films[id]['title']}\n{films[id]['text']}".strip(),
            float(at),
            kind="liked",
        )
        for row in rows(data, "movielens_user", "queries.jsonl")
        for at, id in enumerate(row["history"])
        if id in films
    )
    return index, profiles


def personal_movielens(
    data: Path, work: Path, console: Console, fused: bool = False
) -> dict[str, Any]:
    index, profiles = _index(data, work)
    users = rows(data, "movielens_user", "queries.jsonl")
    some = labels(data, "movielens_user", lambda row: Query(row["text"], user=row["_id"]))
    centre = CorpusMean(index.store)

    def make(setting: Setting) -> Any:
        return setting.bend(profiles, index.spaces.own, centre)

    seen = {row["_id"]: set(row["history"]) for row in users}
    settings = [
        *grid("attention"),
        Setting(3.0, temperature=0.1, half_life=20.0),
        Setting(3.0, temperature=0.1, gate="similar"),
        Setting(3.0, temperature=0.1, gate="focused"),
        Setting(3.0, temperature=0.1, instruction=INSTRUCTION),
        *grid("mean"),
    ]
    name, asked = "dense alone", Unseen(Exact(index), seen)
    if fused:
        settings = [s for s in settings if s.centred and s.strength > 0 and s.gate == "none"]
        settings = [s for s in settings if s.temperature == 0.05 and not s.half_life]
        name, asked = "default", Unseen(index.retriever, seen)
    title, retriever = f"movielens_user, {name}", Once(asked)
    common = (retriever, settings, make, some, METRIC, console)
    results: dict[str, Any] = {
        "all": variants(f"{title}, all users", *common),
        "halves": halves(title, *common),
    }
    if not fused:
        title = f"{title}, affinity"
        results["affinity"] = affinities(title, index, retriever, profiles, some, METRIC, console)
    return results
