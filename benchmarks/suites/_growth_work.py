"""The processes of `growth`: one makes an index and knows what should be found, others search and change it."""

from __future__ import annotations

import gc
import os
import pickle
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import turns
from benchmarks.suites._growth_corpus import SHARES, Corpus, Part, dimension
from benchmarks.suites._growth_encoder import Given
from benchmarks.suites.writes import resident
from rag_embed import Document, Index, Query, field
from rag_embed.filters import Filter
from rag_embed.stores import LanceStore
from rag_embed.types import DENSE, Vectors

K = 10
FIELD = "share"
KINDS = {"": SHARES, "10 %": SHARES // 10, "1 %": SHARES // 100, ".1 %": SHARES // 1000}
"""Filters by how much they let through: so many values of the field."""

HYBRID, ALONE = "hybrid", "dense leg"


def between(number: int, values: int) -> tuple[int, int]:
    """The values that the filter of a question lets through: other ones for each."""
    first = number * values % SHARES
    return first, first + values


def filter_of(number: int, values: int) -> Filter | None:
    low, high = between(number, values)
    if values == SHARES:
        return None
    return (field(FIELD) >= low) & (field(FIELD) < high) if values > 1 else field(FIELD) == low


class Truth:
    """The best chunks of every question under each filter, by comparing all.

    Args:
        vectors: ``(questions, dim)``.
    """

    def __init__(self, vectors: Vectors) -> None:
        self._vectors = vectors
        shape = len(vectors), K
        self._scores = {kind: np.full(shape, -np.inf, dtype=np.float32) for kind in KINDS}
        self._numbers = {kind: np.full(shape, -1) for kind in KINDS}

    def put(self, part: Part) -> None:
        """Compare some chunks."""
        scores = self._vectors @ part.vectors.T
        numbers = np.broadcast_to(part.first + np.arange(len(part.shares)), scores.shape)
        for kind, values in KINDS.items():
            edges = [between(i, values) for i in range(len(scores))]
            passing = np.stack([(part.shares >= a) & (part.shares < b) for a, b in edges])
            all_ = np.hstack([self._scores[kind], np.where(passing, scores, -np.inf)])
            best = np.argpartition(all_, -K, axis=1)[:, -K:]
            self._scores[kind] = np.take_along_axis(all_, best, axis=1)
            every = np.hstack([self._numbers[kind], numbers])
            self._numbers[kind] = np.take_along_axis(every, best, axis=1)

    def told(self) -> dict[str, list[set[str]]]:
        """Ids of the best."""
        return {
            kind: [
                {f"{one}" for one, score in zip(*row, strict=True) if score > -np.inf}
                for row in zip(self._numbers[kind].tolist(), self._scores[kind], strict=True)
            ]
            for kind in KINDS
        }


@dataclass(frozen=True)
class Asked:
    """Questions, with all that is known of them."""

    texts: list[str]
    encoder: Given
    best: dict[str, list[set[str]]]


class Watch:
    """Wall and processor seconds since it was made."""

    def __init__(self) -> None:
        self._began = time.perf_counter(), time.process_time()

    @property
    def told(self) -> list[float]:
        return [time.perf_counter() - self._began[0], time.process_time() - self._began[1]]


def begun() -> float:
    """Memory of the process now, in MB; what it took before no longer counts as its peak."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")
    return resident()


def peak() -> float:
    """Largest memory of the process since `begun`, in MB."""
    [line] = (one for one in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in one)
    return int(line.split()[1]) / 1024


def linked(source: str, target: str) -> str:
    """A copy of a file; of a large one, which is never changed, another name."""
    copied = os.link if os.path.getsize(source) > 2**20 else shutil.copy2
    copied(source, target)
    return target


def opened(place: Path, encoder: Given, cache_bytes: int | None) -> Index:
    """An index that may hold so much in memory; by default what it may."""
    index = Index.open(place, encoder=encoder)
    if cache_bytes is not None and isinstance(index.store, LanceStore):
        index.store.cache_bytes, index.store.index_from = cache_bytes, 0
    return index


def built(folder: Path, chunks: int, asked: int, tokens: bool) -> dict[str, Any]:
    """Add all documents; what that took, without the making of texts and vectors."""
    corpus, encoder = Corpus(), Given()
    words, vectors = corpus.queries(asked)
    truth, others = Truth(vectors), [0.0, 0.0]
    told: dict[str, Any] = {}

    def documents() -> Iterator[Document]:
        for part in corpus.parts(chunks):
            watch = Watch()
            truth.put(part)
            told.setdefault("dimension", dimension(part.vectors[:4000]))
            texts = [corpus.text(some) for some in part.words]
            encoder.put(corpus, texts, part)
            others[:] = np.add(others, watch.told).tolist()
            for number, text, share in zip(range(len(texts)), texts, part.shares, strict=True):
                yield Document(f"{part.first + number}", text, metadata={FIELD: int(share)})

    place = folder / "kb"
    index = Index.create(
        place, encoder=encoder, chunk_tokens=None, tokens=tokens, fields={FIELD: int}
    )
    told["before"], watch = begun(), Watch()
    index.add(documents())
    spent = np.subtract(watch.told, others) - [encoder.wall, encoder.cpu]
    told["add"] = spent.tolist()
    watch = Watch()
    index.store.optimize()
    told |= {"optimize": watch.told, "peak": peak()}
    asking = Given.of(corpus, words, vectors)
    known = Asked([*asking.rows], asking, truth.told())
    (folder / "asked").write_bytes(pickle.dumps(known))
    return told


def read(folder: Path, warm: int, cache_bytes: int | None) -> dict[str, Any]:
    """Open the index and search it."""
    asked: Asked = pickle.loads((folder / "asked").read_bytes())
    told: dict[str, Any] = {"before": resident()}
    watch = Watch()
    index = opened(folder / "kb", asked.encoder, cache_bytes)
    index.search(asked.texts[0])
    told["first"] = [*watch.told, resident()]
    ways: dict[str, Callable[[int], tuple[float, set[str]]]] = {}
    for kind, values in KINDS.items():
        for name, alone in ((HYBRID, False), (ALONE, True)):
            ways[f"{name} {kind}".strip()] = partial(one, index, asked.texts, values, alone)
    found, spent = turns(ways, range(len(asked.texts)), warm=warm)
    told["ways"] = {
        name: {
            "wall": spent[name],
            "cpu": [cpu for cpu, _ in found[name][warm:]],
            "ids": [ids for _, ids in found[name]],
        }
        for name in ways
    }
    told["best"] = asked.best
    return told | {"resident": resident(), "peak": peak()}


def one(
    index: Index, texts: Sequence[str], values: int, alone: bool, number: int
) -> tuple[float, set[str]]:
    """Processor seconds of a search, and what it found."""
    began = time.process_time()
    asked = Query(texts[number], K, filter_of(number, values))
    hybrid = index.experts.hybrid()
    [hits] = hybrid.alone(DENSE).retrieve([asked]) if alone else [index.search(asked)]
    return time.process_time() - began, {hit.chunk.doc_id for hit in hits}


def changed(folder: Path, changes: int, cache_bytes: int | None) -> dict[str, Any]:
    """Add, replace and delete documents one by one, with a search after each."""
    asked: Asked = pickle.loads((folder / "asked").read_bytes())
    place = folder / "changed"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(folder / "kb", place, copy_function=linked)
    index = opened(place, asked.encoder, cache_bytes)
    text, given = asked.texts[0], asked.encoder
    for _ in range(20):
        index.search(text)
    watches: dict[str, list[list[float]]] = {}

    def timed(name: str, act: Callable[[], object]) -> None:
        watch = Watch()
        act()
        watches.setdefault(name, []).append(watch.told)

    for i in range(changes):
        new, again = Document(f"new{i}", given.like(text, i)), Document(f"{i}", given.like(text, i))
        for name, act in (
            ("add", partial(index.add, [new])),
            ("replace", partial(index.add, [again])),
            ("delete", partial(index.delete, [f"{1000 + i}"])),
        ):
            timed(name, act)
            timed(f"search after {name}", partial(index.search, text))
            timed("search", partial(index.search, text))
    shutil.rmtree(place)
    return {"spent": watches, "resident": resident(), "peak": peak()}


def on_disk_only(folder: Path, cache_bytes: int) -> dict[str, Any]:
    """Let an index of few chunks have the search indexes of one of many; what they took."""
    (disk := folder / "disk").mkdir()
    shutil.copytree(folder / "kb", disk / "kb", copy_function=linked)
    shutil.copy2(folder / "asked", disk)
    before = begun()
    index = opened(disk / "kb", pickle.loads((folder / "asked").read_bytes()).encoder, cache_bytes)
    watch = Watch()
    index.store.optimize()
    return {"before": before, "add": [0.0, 0.0], "optimize": watch.told, "peak": peak()}
