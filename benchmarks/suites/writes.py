"""What small writes cost: one document at a time, with a reader beside, in indexes of two sizes.

No model: vectors are random points of a space of 16 dimensions in 384, texts are words drawn by Zipf's law.
First, documents of ten chunks are added to an index and to one of a tenth of its size, in turns, and
replaced. Then documents of one chunk are added one by one, while another process searches all the time;
before and after, it searches alone. In the end both indexes, this one and one that was built in one go, are
optimized, and again when old versions may go; then their sizes are compared. Last, one process adds and
searches in turns, and says what memory it takes.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.common import Bench, Suite
from benchmarks.records import Table
from rag_embed.stores import LanceStore
from rag_embed.stores.upkeep import KEEP
from rag_embed.types import Chunk, ChunkRows, Document, Vectors

DIM, INNER, WORDS, LENGTH, BATCH = 384, 16, 20_000, 60, 8000
VOCABULARY = np.array([f"w{i:05d}" for i in range(WORDS)])
CHANCE = 1 / np.arange(1, WORDS + 1)
CHANCE /= CHANCE.sum()
BASIS = np.random.default_rng(0).normal(size=(INNER, DIM)).astype(np.float32)


@dataclass(frozen=True)
class Made:
    """Documents with their chunks."""

    documents: list[tuple[Document, str]]
    rows: ChunkRows


def vectors(count: int, random: np.random.Generator) -> Vectors:
    """Unit rows."""
    rows = random.normal(size=(count, INNER)).astype(np.float32) @ BASIS
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def made(first: int, count: int, chunks: int, edition: int = 0) -> Made:
    """Documents from a number on, each of so many chunks."""
    random = np.random.default_rng((first, count, chunks, edition))
    drawn = random.choice(WORDS, size=(count * chunks, LENGTH), p=CHANCE)
    lines = [" ".join(VOCABULARY[row]) for row in drawn]
    documents, parts = [], []
    for i in range(count):
        some = lines[i * chunks : (i + 1) * chunks]
        document = Document(f"d{first + i:07d}", "\n".join(some))
        documents.append((document, f"{edition}"))
        start = 0
        for ordinal, line in enumerate(some):
            parts.append(Chunk.of(document, start, start + len(line), ordinal=ordinal))
            start += len(line) + 1
    return Made(documents, ChunkRows(parts, {"dense": vectors(len(parts), random)}))


def bulk(place: Path, chunks: int, singles: int = 0) -> LanceStore:
    """An index of documents of ten chunks, and of others of one, built in one go."""
    store = LanceStore.create(place, {"dense": DIM})
    for size, count, first in ((10, chunks // 10, 0), (1, singles, 5_000_000)):
        for start in range(0, count, BATCH // size):
            some = made(first + start, min(BATCH // size, count - start), size)
            store.replace(some.documents, some.rows)
    store.tidy()
    return store


def on_disk(place: Path) -> tuple[int, int]:
    """Data files of the chunks, and bytes of everything."""
    files = len(list((place / "chunks.lance" / "data").iterdir()))
    sizes = [Path(parent, one).stat().st_size for parent, _, some in os.walk(place) for one in some]
    return files, sum(sizes)


def spread(seconds: Sequence[float]) -> dict[str, float]:
    """Milliseconds."""
    ordered = sorted(seconds)
    points = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
    last = len(ordered) - 1
    found = {name: round(1000 * ordered[int(at * last)], 2) for name, at in points.items()}
    return found | {"mean": round(1000 * statistics.fmean(ordered), 2)}


class Watch:
    """Wall seconds and seconds of the processor of what is done inside."""

    def __init__(self) -> None:
        self.wall: list[float] = []
        self.cpu: list[float] = []

    def __enter__(self) -> None:
        self._start = time.perf_counter(), time.process_time()

    def __exit__(self, *_: object) -> None:
        self.wall.append(time.perf_counter() - self._start[0])
        self.cpu.append(time.process_time() - self._start[1])

    def told(self) -> dict[str, Any]:
        """Both."""
        return {"wall_ms": spread(self.wall), "cpu_ms": spread(self.cpu)}


def one_by_one(stores: dict[str, LanceStore], adds: int) -> dict[str, Any]:
    """Adds and replacements in turns; the add includes looking for the id, and what upkeep is due."""
    watches = {name: {what: Watch() for what in ("add", "replace")} for name in stores}
    for i in range(adds):
        for name, store in stores.items():
            new, again = made(1_000_000 + i, 1, 10), made(3 * i, 1, 10, edition=1)
            for what, some in (("add", new), ("replace", again)):
                with watches[name][what]:
                    store.known([some.documents[0][0].id])
                    store.replace(some.documents, some.rows)
                    store.tidy()
    return {
        name: {what: watch.told() for what, watch in own.items()} for name, own in watches.items()
    }


def searched(store: LanceStore, random: np.random.Generator) -> None:
    """One search as an index does it: both kinds of evidence, and the texts of the best."""
    words = " ".join(VOCABULARY[random.choice(WORDS, size=5, p=CHANCE)])
    view = store.view()
    [(dense, _)] = view.nearest("dense", vectors(1, random), 40, None)
    [(lexical, _)] = view.lexical([words], 40, None)
    assert len(view.chunks([*dense[:5], *lexical[:5]])) >= 5


def reader(place: str, asked: Any, told: Any) -> None:
    """Another process: searches until it is told to stop, and says how long each search took."""
    store, random = LanceStore.open(place), np.random.default_rng(1)
    searched(store, random)
    for phase in iter(asked.get, None):
        seconds: list[float] = []
        while asked.empty() if phase == "beside" else len(seconds) < 200:
            start = time.perf_counter()
            searched(store, random)
            seconds.append(time.perf_counter() - start)
        told.put(spread(seconds) | {"searches": len(seconds), "peak_mb": peak()})


def peak() -> float:
    """Largest memory of the process so far, in MB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def resident() -> float:
    """Memory of the process now, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def stream(
    store: LanceStore, place: Path, adds: int, then: Callable[[], object] = lambda: None
) -> Iterator[dict[str, float]]:
    """Adds of one chunk each, with what follows each, and twenty times what the disk and the memory hold."""
    watch = Watch()
    for i in range(adds):
        some = made(5_000_000 + i, 1, 1)
        with watch:
            store.replace(some.documents, some.rows)
            store.tidy()
        then()
        if (i + 1) % max(1, adds // 20) == 0:
            files, size = on_disk(place)
            mean = 1000 * statistics.fmean(watch.wall[-adds // 20 :])
            yield {"adds": i + 1, "files": files, "mb": size / 2**20, "rss": resident(), "ms": mean}


def beside(place: Path, store: LanceStore, adds: int) -> tuple[list[dict[str, Any]], list[Any]]:
    """The stream of adds, and what another process saw before, beside and after it."""
    spawn = multiprocessing.get_context("spawn")
    asked, told = spawn.Queue(), spawn.Queue()
    other = spawn.Process(target=reader, args=(str(place), asked, told))
    other.start()
    asked.put("alone")
    seen = [told.get()]
    asked.put("beside")
    course = list(stream(store, place, adds))
    asked.put("alone")
    seen += [told.get(), told.get()]
    asked.put(None)
    other.join()
    return course, seen


def single(bench: Bench) -> Iterator[Table]:
    with TemporaryDirectory() as folder:
        sizes = {"large": bench.options.chunks, "small": bench.options.chunks // 10}
        stores = {name: bulk(Path(folder, name), size) for name, size in sizes.items()}
        found = one_by_one(stores, bench.options.turns)
    rows = [
        [what, sizes[name], one["cpu_ms"]["p50"], one["cpu_ms"]["mean"], one["wall_ms"]["p50"]]
        for name, own in found.items()
        for what, one in own.items()
    ]
    columns = {"write": "", "chunks": ",d", "CPU p50, ms": ".0f", "CPU mean, ms": ".0f"}
    yield Table("writes of one document of ten chunks", columns | {"wall p50, ms": ".0f"}, rows)


def streamed(bench: Bench) -> Iterator[Table]:
    adds = bench.options.adds
    with TemporaryDirectory() as folder:
        place, fresh = Path(folder, "kb"), Path(folder, "fresh")
        store = bulk(place, bench.options.chunks)
        course, seen = beside(place, store, adds)
        whole = bulk(fresh, bench.options.chunks, adds)
        for wait in (0.0, 0.0, 2 * KEEP.total_seconds() + 1):
            time.sleep(wait)
            for one in (store, whole):
                one.optimize()
        disk = on_disk(place)[1] / on_disk(fresh)[1]
    half = course[len(course) // 2 :]
    slope = np.polyfit([one["adds"] for one in half], [one["rss"] for one in half], 1)[0]
    rows = [
        ["search p95, beside the adds to before", seen[1]["p95"] / seen[0]["p95"]],
        ["search p95, after the adds to before", seen[2]["p95"] / seen[0]["p95"]],
        ["disk, to a fresh build", disk],
        ["most data files", max(one["files"] for one in course)],
        ["MB of memory per 1,000 adds, second half", 1000 * slope],
    ]
    yield Table(f"{adds:,} documents added one by one", {"": "", "figure": ".2f"}, rows)


def memory(bench: Bench) -> Iterator[Table]:
    adds, random = bench.options.adds, np.random.default_rng(1)
    with TemporaryDirectory() as folder:
        store = bulk(place := Path(folder, "kb"), bench.options.chunks)
        course = list(stream(store, place, adds, lambda: searched(store, random)))
    rows = [[one["adds"], one["rss"], one["files"]] for one in course[1::2]]
    columns = {"adds, each with a search": ",d", "MB of memory": ",.0f", "data files": ",d"}
    yield Table("a process that adds and searches in turns", columns, rows)


SUITE = Suite(
    {"single": single, "stream": streamed, "memory": memory},
    options={
        "--chunks": {"type": int, "default": 100_000, "help": "of the large index"},
        "--turns": {"type": int, "default": 200, "help": "documents added in turns"},
        "--adds": {"type": int, "default": 10_000, "help": "documents of the stream"},
    },
    data=False,
)
