"""Talks: does a turn gain from its neighbours? Chats of a year (lihua), and a chat log (chroma_chunks)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from personal_sets import Once, built, difference, lihua, rows
from rich.console import Console
from rich.table import Table

from rag_embed import Document, Query
from rag_embed.maths.metrics import Metric
from rag_embed.personal.neighbours import Neighbours
from rag_embed.personal.tuning import Labelled
from rag_embed.protocols import Retriever
from rag_embed.types import Chunk

STRENGTHS = (0.1, 0.2, 0.3, 0.5, 1.0)
TURN = 64
"""Tokens of a piece: about one turn."""

DEPTH = 100


class Shuffled:
    """A store, or its view, in which every talk's turns stand in another order: the control."""

    def __init__(self, store: Any) -> None:
        self.store = store

    def view(self) -> Shuffled:
        return Shuffled(self.store.view())

    def document_chunks(self, doc_id: str) -> list[Chunk]:
        chunks = self.store.document_chunks(doc_id)
        return [chunks[i] for i in np.random.default_rng(len(chunks)).permutation(len(chunks))]


@dataclass(frozen=True)
class Talk:
    """A set: its index, its queries, and what each hit counts as."""

    name: str
    store: Any
    retriever: Retriever
    some: list[Labelled]
    whole: bool
    """Whether a whole chat is found, or a piece of it."""

    halves: tuple[list[int], list[int]]
    """Queries, apart by what answers them."""

    def measured(self, retriever: Retriever, metric: Metric) -> np.ndarray:
        found = retriever.retrieve([replace(one.query, k=DEPTH) for one in self.some])
        return np.array(
            [
                metric(
                    list(dict.fromkeys(h.chunk.doc_id if self.whole else h.id for h in hits)),
                    one.relevant,
                )
                for hits, one in zip(found, self.some, strict=True)
            ]
        )


def chats(data: Path, work: Path) -> Talk:
    documents = [
        Document(row["_id"], row["text"], row["title"], user="lihua")
        for row in rows(data, "lihua", "corpus.jsonl")
    ]
    index, some = built(work, "chats", documents, TURN), lihua(data)
    middle = sorted(min(one.relevant) for one in some)[len(some) // 2]
    early = [i for i, one in enumerate(some) if max(one.relevant) < middle]
    late = [i for i, one in enumerate(some) if min(one.relevant) >= middle]
    return Talk("lihua, turns", index.store, Once(index.retriever), some, True, (early, late))


def log(data: Path, work: Path) -> Talk:
    """The chat log; a piece answers a question that refers to characters in it."""
    [row] = [r for r in rows(data, "chroma_chunks", "documents.jsonl") if r["_id"] == "chatlogs"]
    index = built(work, "log", [Document(row["_id"], row["text"])], TURN)
    pieces = index.store.view().document_chunks(row["_id"])
    some, places = [], []
    for query in rows(data, "chroma_chunks", "queries.jsonl"):
        if query["scope"] != row["_id"]:
            continue
        spans: Sequence[tuple[int, int]] = query["references"]
        right = {c.id: 1 for c in pieces if any(c.start < b and a < c.end for a, b in spans)}
        some.append(Labelled(Query(query["text"], user="someone"), right))
        places.append(min(a for a, _ in spans))
    order = np.argsort(places).tolist()
    halves = (sorted(order[: len(order) // 2]), sorted(order[len(order) // 2 :]))
    return Talk("chatlogs, turns", index.store, Once(index.retriever), some, False, halves)


def talks(data: Path, work: Path, console: Console) -> dict[str, Any]:
    results: dict[str, Any] = {}
    for talk in (chats(data, work), log(data, work)):
        for name in ("ndcg@10", "recall@5"):
            results[f"{talk.name} {name}"] = _measured(talk, Metric.parse(name), name, console)
    return results


def _measured(talk: Talk, metric: Metric, name: str, console: Console) -> dict[str, Any]:
    none = talk.measured(talk.retriever, metric)
    table = Table("strength", name, "against none", "against shuffled turns", title=talk.name)
    table.add_row("0", f"{none.mean():.4f}", "", "")
    own, wrong, found = {}, {}, {}
    for strength in STRENGTHS:
        own[strength], wrong[strength] = (
            talk.measured(Neighbours(talk.retriever, store, strength, DEPTH), metric)
            for store in (talk.store, Shuffled(talk.store))
        )
        gain = difference(own[strength], none)
        specific = difference(own[strength], wrong[strength])
        table.add_row(f"{strength}", f"{own[strength].mean():.4f}", gain[0], specific[0])
        found[f"{strength}"] = {"own": float(own[strength].mean())} | {
            "gain": gain[1],
            "specific": specific[1],
        }
    console.print(table)
    first, second = talk.halves
    best = max(STRENGTHS, key=lambda one: own[one][first].mean())
    gain = difference(own[best][second], none[second])
    specific = difference(own[best][second], wrong[best][second])
    console.print(
        f"{talk.name}: best on {len(first)} queries is {best}, "
        f"{(own[best][first] - none[first]).mean():+.4f}; on the other {len(second)}: "
        f"{gain[0]} against none, {specific[0]} against shuffled turns"
    )
    return {"none": float(none.mean()), **found, "best": best, "held_out": gain[1]}
