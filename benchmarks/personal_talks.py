"""Talks: does a turn gain from its neighbours? Chats of a year (lihua), and a chat log (chroma_chunks)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from personal_sets import Once, built, difference, lihua, rows
from rich.console import Console
from rich.table import Table

from rag_embed import Document, Query
from rag_embed.evaluation import Labelled
from rag_embed.maths.metrics import Metric
from rag_embed.protocols import Retriever
from rag_embed.ranking.neighbours import Neighbours
from rag_embed.ranking.rerank import Reranked
from rag_embed.types import Chunk

STRENGTHS = (0.1, 0.2, 0.3, 0.5, 1.0)
TURN = 64
"""Tokens of a piece: about one turn."""

DEPTH = 100


class Turns:
    """What `Neighbours` asks of a store, read once; shuffled, for the control, in another order."""

    def __init__(self, store: Any, shuffled: bool) -> None:
        view = store.view()
        self.known: dict[str, list[Chunk]] = {}
        for id in store.document_ids():
            chunks = view.document_chunks(id)
            order = np.random.default_rng(len(chunks)).permutation(len(chunks))
            self.known[id] = [chunks[i] for i in order] if shuffled else chunks

    def view(self) -> Any:
        return self

    def document_chunks(self, doc_id: str) -> list[Chunk]:
        return self.known[doc_id]


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

    def found(self, retriever: Retriever) -> list[list[str]]:
        """Per query the ids that count, best first."""
        found = retriever.retrieve([replace(one.query, k=DEPTH) for one in self.some])
        return [
            list(dict.fromkeys(h.chunk.doc_id if self.whole else h.id for h in hits))
            for hits in found
        ]


def chats(data: Path, work: Path) -> Talk:
    documents = [
        Document(row["_id"], row["text"], row["title"], user="lihua")
        for row in rows(data, "lihua", "corpus.jsonl")
    ]
    index, some = built(work, "chats", documents, TURN), lihua(data)
    middle = sorted(min(one.relevant) for one in some)[len(some) // 2]
    early = [i for i, one in enumerate(some) if max(one.relevant) < middle]
    late = [i for i, one in enumerate(some) if min(one.relevant) >= middle]
    return Talk(
        "lihua, turns", index.store, Once(index.experts.hybrid()), some, True, (early, late)
    )


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
    return Talk("chatlogs, turns", index.store, Once(index.experts.hybrid()), some, False, halves)


def talks(data: Path, work: Path, console: Console) -> dict[str, Any]:
    results: dict[str, Any] = {}
    for talk in (chats(data, work), log(data, work)):
        none = talk.found(talk.retriever)
        own, wrong = (
            {
                strength: talk.found(
                    Reranked(talk.retriever, Neighbours(turns), DEPTH, strength, spread=False)
                )
                for strength in STRENGTHS
            }
            for turns in (Turns(talk.store, False), Turns(talk.store, True))
        )
        for name in ("ndcg@10", "recall@5"):
            metric = Metric.parse(name)

            def measured(ids: list[list[str]], talk: Talk = talk, metric: Metric = metric) -> Any:
                pairs = zip(ids, talk.some, strict=True)
                return np.array([metric(some, one.relevant) for some, one in pairs])

            results[f"{talk.name} {name}"] = _shown(
                talk,
                name,
                measured(none),
                {
                    strength: (measured(own[strength]), measured(wrong[strength]))
                    for strength in own
                },
                console,
            )
    return results


def _shown(
    talk: Talk,
    name: str,
    none: np.ndarray,
    tried: Mapping[float, tuple[np.ndarray, np.ndarray]],
    console: Console,
) -> dict[str, Any]:
    table = Table("strength", name, "against none", "against shuffled turns", title=talk.name)
    table.add_row("0", f"{none.mean():.4f}", "", "")
    found: dict[str, Any] = {}
    for strength, (own, wrong) in tried.items():
        gain, specific = difference(own, none), difference(own, wrong)
        table.add_row(f"{strength}", f"{own.mean():.4f}", gain[0], specific[0])
        found[f"{strength}"] = {"own": float(own.mean()), "gain": gain[1], "specific": specific[1]}
    console.print(table)
    first, second = talk.halves
    best = max(tried, key=lambda one: tried[one][0][first].mean())
    own, wrong = tried[best]
    gain, specific = difference(own[second], none[second]), difference(own[second], wrong[second])
    console.print(
        f"{talk.name}: best on {len(first)} queries is {best}, "
        f"{(own[first] - none[first]).mean():+.4f}; on the other {len(second)}: "
        f"{gain[0]} against none, {specific[0]} against shuffled turns"
    )
    return {"none": float(none.mean()), **found, "best": best, "held_out": gain[1]}
