"""Chunk sets with their documents, for `situated`: vectors kept on disk, every chunk ranked.

Legs, their scales, the mixture and the order are the library's own. `Hybrid` fuses the 100 best of each leg;
here all chunks are fused, as with a pool as large as the set, which needs no search per query and way.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from fusion import training_half

from rag_embed import Chunk, Document
from rag_embed import evaluation as ev
from rag_embed.maths.metrics import ndcg, recall
from rag_embed.maths.vectors import DIGITS
from rag_embed.protocols import ChunkEncoder, Encoder
from rag_embed.ranking.legs import DenseLeg, LexicalLeg
from rag_embed.situated.derived import DocumentMean, Headed, Heading
from rag_embed.situated.described import described
from rag_embed.situated.expressions import situated
from rag_embed.situated.residual import Residual
from rag_embed.situated.space import written
from rag_embed.situated.summary import summary
from rag_embed.stores.memory import MemoryStore
from rag_embed.types import ChunkRows, Cut, Query, Vectors

DSRAG = "dsrag header"
MIXTURE = {"dense": 0.5, "lexical": 0.5}

Row = npt.NDArray[np.float64]
Entry = tuple[str, int, int, tuple[str, ...]]
"""Id in the collection, place in the document, headings."""


@dataclass(frozen=True)
class Case:
    """A set with its documents, chunks and queries.

    Attributes:
        name: Of the set.
        cuts: Documents with their chunks.
        ids: Chunk id -> id in the collection.
        queries: Those with labels.
        judged: Their labels.
        train: ``(queries,)`` which half a query is in; the halves share no document.
    """

    name: str
    cuts: Sequence[Cut]
    ids: dict[str, str]
    queries: list[Query]
    judged: list[dict[str, int]]
    train: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Scores:
    """``(queries,)`` nDCG@10 and R@20."""

    ndcg: Row
    recall: Row


def read_case(data: Path, name: str) -> Case:
    collection = ev.read_collection(data / name)
    cuts: list[Cut] = []
    ids = {}
    for document, entries in _pages(data / name, collection):
        chunks = [
            Chunk.of(document, start, end, ordinal=i, headings=headings)
            for i, (_, start, end, headings) in enumerate(entries)
        ]
        ids |= {chunk.id: entry[0] for chunk, entry in zip(chunks, entries, strict=True)}
        cuts.append(Cut(document, chunks))
    half = training_half(collection)
    return Case(
        name,
        cuts,
        ids,
        [Query(collection.queries[id], k=20) for id in collection.judged],
        [dict(collection.qrels[id]) for id in collection.judged],
        np.array([id in half for id in collection.judged]),
    )


def _pages(folder: Path, collection: ev.Collection) -> list[tuple[Document, list[Entry]]]:
    entries: dict[str, list[Document]] = {}
    for one in collection.documents:
        entries.setdefault(str(one.metadata.get("doc_id", one.id)), []).append(one)
    if (folder / "documents.jsonl").exists():
        lines = (folder / "documents.jsonl").read_text(encoding="utf-8").splitlines()
        whole = {
            x["_id"]: Document(x["_id"], x["text"], x.get("title") or "")
            for x in map(json.loads, lines)
        }
        return [
            (
                whole[id],
                sorted(
                    ((e.id, e.metadata["start"], e.metadata["end"], ()) for e in some),
                    key=lambda e: e[1],
                ),
            )
            for id, some in entries.items()
        ]
    pages = []
    for id, some in entries.items():
        if len(some) == 1 and some[0].id == id:
            pages.append((some[0], [(id, 0, len(some[0].text), ())]))
            continue
        at, found = 0, []
        for one in some:
            found.append((one.id, at, at + len(one.text), (one.title,)))
            at += len(one.text) + 2
        title = id.rstrip("/").rsplit("/", 1)[-1].replace("-", " ")
        pages.append((Document(id, "\n\n".join(one.text for one in some), title), found))
    return pages


_about = summary(2)


def header(document: Document, chunk: Chunk) -> str:
    """What dsRAG puts before a chunk, its summary picked instead of written by a language model."""
    about = f"Document context: the following excerpt is from a document titled '{document.title}'."
    about += f" {_about(document, chunk)}"
    if chunk.headings:
        about += (
            f"\n\nSection context: this excerpt is from the section titled '{chunk.headings[-1]}'."
        )
    return about


@dataclass
class Measure:
    """Scores of one set by way to situate.

    Vectors are encoded once and kept in ``work``; sums are made of the vectors of their parts. Ways
    that lexical search reads the same words of share one store, which is searched once.

    Attributes:
        case: The set.
        encoder: Of everything.
        work: Keeps what is encoded between runs.
    """

    case: Case
    encoder: Encoder
    work: Path
    known: dict[str, Vectors] = field(default_factory=dict)
    spaces: dict[str, ChunkEncoder] = field(default_factory=dict)
    stores: dict[tuple[str, ...] | None, tuple[MemoryStore, Vectors]] = field(default_factory=dict)
    scored: dict[tuple[str, bool], Scores] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.file.exists():
            self.known = dict(np.load(self.file))

    @property
    def file(self) -> Path:
        return self.work / f"{self.case.name}.npz"

    def scores(self, name: str, lexical: bool) -> Scores:
        """Of a way to situate, dense evidence alone or with the lexical."""
        if (name, lexical) not in self.scored:
            space = self.space(name)
            self.scored[name, lexical] = self.ranked(space, self.rows(space), lexical)
        return self.scored[name, lexical]

    def space(self, name: str) -> ChunkEncoder:
        if name not in self.spaces:
            dsrag = described(header, name=DSRAG)
            self.spaces[name] = (dsrag if name == DSRAG else lambda e: situated(name, e))(
                self.encoder
            )
        return self.spaces[name]

    def rows(self, space: ChunkEncoder) -> Vectors:
        name = space.signature.chunks
        if name in self.known:
            return self.known[name]
        if isinstance(space, Headed | Residual):
            return space.derive(self.rows, self.case.cuts)
        derived = isinstance(space, DocumentMean | Heading)
        return self._kept(
            name,
            space.derive(self.rows, self.case.cuts)
            if derived
            else space.encode_chunks(self.case.cuts),
        )

    def encode_query(self, texts: Sequence[str], /) -> Vectors:
        """The rows of the set's queries, encoded once: all ways ask in the same way."""
        if "queries" not in self.known:
            self._kept("queries", self.encoder.encode_query([q.text for q in self.case.queries]))
        if list(texts) != [query.text for query in self.case.queries]:
            raise ValueError("expected the queries of the set, all of them and in order")
        return self.known["queries"]

    def _kept(self, name: str, rows: Vectors) -> Vectors:
        self.known[name] = rows
        part = self.file.with_suffix(".part.npz")
        np.savez(part, **self.known)
        os.replace(part, self.file)
        return rows

    def ranked(self, space: ChunkEncoder, rows: Vectors, lexical: bool) -> Scores:
        """Of given vectors; lexical search reads the words of ``space``."""
        store, words = self._store(space)
        name = f"way{len(store.spaces)}"
        store.grow({name: rows.shape[1]}, ())
        store.fill(list(store.view().ids), {name: rows}, {})
        store.adopt({})
        answers = DenseLeg("dense", self, name).ask(store.view(), self.case.queries)
        scores = (answers.rows @ rows.T).astype(np.float64)  # whose order is that of dense evidence
        if lexical:
            dense = [answers.normalise(i, raw) for i, raw in enumerate(scores.astype(np.float32))]
            scores = MIXTURE["dense"] * np.array(dense, np.float64) + MIXTURE["lexical"] * words
        ids = np.array(store.view().ids)
        by_id = np.argsort(ids)  # the first of equals is then the one that `vectors.best` takes
        found = [
            [self.case.ids[id] for id in some] for some in ids[by_id][_first(scores[:, by_id])]
        ]
        pairs = list(zip(found, self.case.judged, strict=True))
        return Scores(
            np.array([ndcg(ranking[:10], judged, 10) for ranking, judged in pairs]),
            np.array([recall(ranking, judged, 20) for ranking, judged in pairs]),
        )

    def _store(self, space: ChunkEncoder) -> tuple[MemoryStore, Vectors]:
        """The store of the words that lexical search reads, and ``(queries, chunks)`` what it says."""
        texts = written(space, self.case.cuts)
        key = None if texts is None else tuple(texts)
        if key not in self.stores:
            store = MemoryStore({})
            chunks = [chunk for _, some in self.case.cuts for chunk in some]
            documents = [(document, "-") for document, _ in self.case.cuts]
            store.replace(documents, ChunkRows(chunks, {}, lexical=texts))
            self.stores[key] = store, self._words(store)
        return self.stores[key]

    def _words(self, store: MemoryStore) -> Vectors:
        view, queries = store.view(), self.case.queries
        answers = LexicalLeg().ask(view, queries)
        scores = np.zeros((len(queries), len(view)), dtype=np.float32)
        whole = answers.top([None] * len(queries), len(view) + 1)
        for query, (ids, raw) in enumerate(whole):
            at = [view.position[id] for id in ids]
            scores[query, at] = answers.normalise(query, raw)
        return scores


def _first(scores: Row) -> npt.NDArray[np.intp]:
    """``(queries, 20)`` columns with the highest scores to `DIGITS` decimals, the first of equals first."""
    rounded = -np.round(scores, DIGITS)
    near = rounded <= np.partition(rounded, 19, axis=1)[:, 19:20]
    order = [
        np.flatnonzero(some)[np.argsort(row[some], kind="stable")[:20]]
        for some, row in zip(near, rounded, strict=True)
    ]
    return np.array(order)
