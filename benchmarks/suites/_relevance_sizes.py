"""Does relevance mean the same in a small corpus? The same right hits among fewer and fewer chunks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.common import Bench, choosing
from benchmarks.records import Table
from rag_embed import Index, Query
from rag_embed import evaluation as ev
from rag_embed.ranking import Hybrid
from rag_embed.stores import MemoryStore
from rag_embed.types import DENSE, Chunk, ChunkRows, Document, doc_id_of

SIZES = (1, 2, 5, 10, 36, 100, 214, 1000, 5000)
FOREIGN = {
    "anthropic_docs": "cranfield",
    "cranfield": "squad_ctx",
    "squad_ctx": "cacm",
    "cacm": "anthropic_docs",
    "chroma_chunks": "scifact",
    "policyqa_ctx": "cranfield",
    "cosqa": "squad_ctx",
    "scifact": "cranfield",
}
"""Set -> the set whose questions it cannot answer."""

SHARED = 20
"""So many chunks of a sample are there for each question that is asked of it."""


class Samples:
    """Corpora drawn from an index, with the vectors that it has."""

    def __init__(self, index: Index) -> None:
        view = index.store.view()
        self.ids = view.passing(None)
        self.chunks = {chunk.id: chunk for chunk in view.chunks(self.ids)}
        self.place = {id: i for i, id in enumerate(self.ids)}
        self.rows = view.vectors(DENSE, self.ids)
        whole = index.experts.hybrid()
        weights = {leg.name: whole.weights[leg.name] for leg in whole.legs}
        self.searched: Hybrid = replace(whole, stages=(), weights=weights)

    def of(self, ids: Sequence[str]) -> Hybrid:
        """The index's search over these chunks alone."""
        store = MemoryStore({DENSE: self.rows.shape[1]})
        chunks: list[Chunk] = [self.chunks[id] for id in ids]
        documents = [(Document(one, ""), "whole") for one in dict.fromkeys(map(doc_id_of, ids))]
        vectors = self.rows[[self.place[id] for id in ids]]
        store.replace(documents, ChunkRows(chunks, {DENSE: vectors}))
        return replace(self.searched, store=store)


def found(search: Hybrid, texts: Sequence[str], answers: Sequence[str]) -> list[float]:
    """Relevance of each question's answer, 0 where it is not among the candidates."""
    hits = search.retrieve([Query(text, k=search.pool) for text in texts])
    return [
        next((hit.relevance for hit in some if hit.chunk.id == answer), 0.0)
        for some, answer in zip(hits, answers, strict=True)
    ]


def best(search: Hybrid, texts: Sequence[str]) -> list[float]:
    return [hits[0].relevance for hits in search.retrieve([Query(t, k=1) for t in texts]) if hits]


def measured(
    samples: Samples, collection: ev.Collection, foreign: Sequence[str], count: int
) -> Iterator[list[float]]:
    """Size, relevance there and in the whole set, share within .1, relevance of foreign questions."""
    rng, chosen = np.random.default_rng(0), choosing(collection)
    held = [id for id, one in zip(collection.judged, chosen, strict=True) if not one]
    asked, texts, right = [], [], []
    below: dict[str, list[str]] = {}
    for id in samples.ids:
        below.setdefault(doc_id_of(id), []).append(id)
    for i in rng.permutation(len(held))[:count]:
        relevant = [doc for doc, grade in collection.qrels[held[i]].items() if grade > 0]
        if known := [id for doc in relevant for id in below.get(doc, [])]:
            asked.append(set(known))
            texts.append(collection.queries[held[i]])
            right.append(known[int(rng.integers(len(known)))])
    whole = samples.of(samples.ids)
    full = np.array(found(whole, texts, right))
    for size in [n for n in SIZES if n < len(samples.ids)]:
        values, low = [], []
        together = max(1, size // SHARED)
        for start in range(0, len(texts), together):
            some = slice(start, start + together)
            answering = set().union(*asked[some])
            others = [id for id in samples.ids if id not in answering]
            drawn = rng.choice(len(others), max(size - len(set(right[some])), 0), replace=False)
            search = samples.of([*dict.fromkeys(right[some]), *(others[i] for i in drawn)])
            values += found(search, texts[some], right[some])
            low += best(search, foreign[some])
        near = (np.abs(np.array(values) - full) <= 0.1).mean()
        yield [size, *map(float, (np.mean(values), full.mean(), near, np.mean(low)))]
    low = best(whole, foreign)
    yield [len(samples.ids), float(full.mean()), float(full.mean()), 1.0, float(np.mean(low))]


def sizes(bench: Bench) -> Iterator[Table]:
    rows: list[list[Any]] = []
    for name in bench.sets:
        other, count = bench.collection(FOREIGN[name]), bench.options.queries
        foreign = [other.queries[id] for id in other.judged][:count]
        collection = bench.collection(name)
        samples = Samples(bench.whole(collection))
        rows += [[name, *row] for row in measured(samples, collection, foreign, count)]
        bench.say(f"{name}: done")
    columns = {"set": "", "chunks": "d", "right hit": ".2f", "in the whole set": ".2f"}
    yield Table("sizes", {**columns, "within .1": ".0%", "questions of another set": ".2f"}, rows)
