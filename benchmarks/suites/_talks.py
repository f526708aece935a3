"""Does a turn gain from its neighbours? Chats of a year (lihua), and a chat log (chroma_chunks)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.common import Bench, Row, gain
from benchmarks.records import Table
from benchmarks.suites._personal_trial import Once
from rag_embed import Document, Index, Query
from rag_embed.evaluation import Labelled
from rag_embed.maths.metrics import Metric
from rag_embed.protocols import Retriever, Store
from rag_embed.ranking import Reranked
from rag_embed.ranking.neighbours import Neighbours
from rag_embed.types import Chunk

STRENGTHS = (0.1, 0.2, 0.3, 0.5, 1.0)
METRICS = ("ndcg@10", "recall@5")
TURN = 64
"""Tokens of a piece: about one turn."""

DEPTH = 100


class Turns:
    """What `Neighbours` asks of a store, read once; shuffled, for the control, in another order."""

    def __init__(self, store: Store, shuffled: bool) -> None:
        view, self.known = store.view(), {}
        for id in store.document_ids():
            chunks = view.document_chunks(id)
            order = np.random.default_rng(len(chunks)).permutation(len(chunks))
            self.known[id] = [chunks[i] for i in order] if shuffled else chunks

    def view(self) -> Turns:
        return self

    def document_chunks(self, doc_id: str) -> list[Chunk]:
        return self.known[doc_id]


def chats(bench: Bench) -> tuple[Index, list[Labelled]]:
    """Chats with their questions, which ask for a whole chat."""
    collection = bench.collection("lihua")
    index = Index.at(bench.work / "chats", chunk_tokens=TURN)
    index.add(replace(d, metadata={}, user="lihua") for d in collection.documents)
    asked = collection.labelled
    return index, [replace(one, query=replace(one.query, user="lihua")) for one in asked]


def log(bench: Bench) -> tuple[Index, list[Labelled]]:
    """The chat log; a piece answers a question that refers to characters in it."""
    folder, name = bench.data / "chroma_chunks", "chatlogs"
    documents, queries = (
        map(json.loads, (folder / file).read_text("utf-8").splitlines())
        for file in ("documents.jsonl", "queries.jsonl")
    )
    index = Index.at(bench.work / "log", chunk_tokens=TURN)
    index.add(Document(name, row["text"]) for row in documents if row["_id"] == name)
    pieces, some = index.store.view().document_chunks(name), []
    for query in queries:
        if query["scope"] == name:
            spans = query["references"]
            right = {c.id: 1 for c in pieces if any(c.start < b and a < c.end for a, b in spans)}
            some.append(Labelled(Query(query["text"], user="someone"), right))
    return index, some


def scores(retriever: Retriever, some: Sequence[Labelled], whole: bool) -> dict[str, Row]:
    """By metric, of the chats or of the pieces that are found."""
    several = retriever.retrieve([replace(one.query, k=DEPTH) for one in some])
    ids = [dict.fromkeys(h.chunk.doc_id if whole else h.id for h in hits) for hits in several]
    pairs = [([*one], labelled.relevant) for one, labelled in zip(ids, some, strict=True)]
    metrics = map(Metric.parse, METRICS)
    return {str(metric): np.array([metric(*pair) for pair in pairs]) for metric in metrics}


def talks(bench: Bench) -> Iterator[Table]:
    rows: dict[str, list[list[Any]]] = {name: [] for name in METRICS}
    for name, (index, some) in (("lihua", chats(bench)), ("chatlogs", log(bench))):
        retriever, whole = Once(index.experts.hybrid()), name == "lihua"
        turns: list[Any] = [Turns(index.store, shuffled) for shuffled in (False, True)]
        base = scores(retriever, some, whole)
        for metric in METRICS:
            rows[metric].append([name, 0.0, base[metric].mean(), None, None])
        for strength in STRENGTHS:
            own, wrong = (
                scores(
                    Reranked(retriever, Neighbours(store), DEPTH, strength, spread=False),
                    some,
                    whole,
                )
                for store in turns
            )
            for metric in METRICS:
                a, b = own[metric], wrong[metric]
                gains = [gain([(a, base[metric])]), gain([(a, b)])]
                rows[metric].append([name, strength, a.mean(), *gains])
    for metric, found in rows.items():
        columns = {"set": "", "strength": ".1f", metric: ".3f", "against none": "+.3f"}
        yield Table(metric, {**columns, "against shuffled turns": "+.3f"}, found)
