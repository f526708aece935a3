"""What a chunk takes: bytes on disk and in memory for each part of it, and seconds to write and to find it.

No model: vectors are random points, texts are 60 words drawn by Zipf's law, each with 80 random tokens. Each
size is measured in a process of its own. What lies on disk is a table of those columns alone, and the folder as
a whole once old versions are gone; what is held in memory is what the process grows by when that evidence is
first asked for.
"""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import resource
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import lancedb
import numpy as np
import pyarrow as pa

from benchmarks.common import Bench, Suite
from benchmarks.records import Table
from benchmarks.suites.writes import BATCH, CHANCE, DIM, VOCABULARY, WORDS, made, on_disk, vectors
from rag_embed.stores import LanceStore
from rag_embed.stores.upkeep import KEEP
from rag_embed.types import TokenBits

TOKENS = 80
PARTS = {
    "vectors": ["v_dense"],
    "tokens": ["token_ids_dense", "token_bits_dense"],
    "words": ["words", "private_words"],
    "texts": ["text", "lexical_text", "private_text", "title", "headings", "metadata_json"],
    "ids": ["id", "doc_id", "doc_hash", "user_id", "has_user_id", "ordinal", "start", "end"],
}
"""Columns of ``chunks`` by what they are for."""

Figures = dict[str, float]


def resident() -> int:
    """Bytes of this process in memory, without what allocators keep for later."""
    gc.collect()
    pa.default_memory_pool().release_unused()
    ctypes.CDLL(None).malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def filled(place: Path, chunks: int) -> float:
    """Make an index with tokens; returns the processor's seconds that a chunk took to write."""
    store = LanceStore.create(place, {"dense": DIM}, tokens=["dense"])
    random, spent = np.random.default_rng(1), 0.0
    for start in range(0, chunks // 10, BATCH // 10):
        some = made(start, min(BATCH // 10, chunks // 10 - start), 10)
        tokens = [
            TokenBits(
                random.integers(0, 30_522, TOKENS, dtype=np.int32),
                random.integers(0, 256, (TOKENS, DIM // 8), dtype=np.uint8),
            )
            for _ in some.rows.chunks
        ]
        began = time.process_time()
        store.replace(some.documents, replace(some.rows, tokens={"dense": tokens}))
        spent += time.process_time() - began
    began = time.process_time()
    store.optimize()
    spent += time.process_time() - began
    time.sleep(KEEP.total_seconds() + 6)
    store.optimize()  # drops the versions before
    return spent / chunks


def disk(place: Path, folder: Path, chunks: int) -> Figures:
    """Bytes a chunk of each part as a table of its own, and of the folder with documents and search indexes."""
    table = lancedb.connect(place).open_table("chunks")
    other = lancedb.connect(folder)
    found = {}
    for name, columns in PARTS.items():
        rows = table.search().select(columns).limit(chunks).to_arrow()
        alone = pa.Table.from_batches(rows.combine_chunks().to_batches(BATCH))
        other.create_table(name, alone)
        files = (folder / f"{name}.lance" / "data").iterdir()
        found[name] = sum(file.stat().st_size for file in files) / chunks
    return found | {"everything": on_disk(place)[1] / chunks}


def memory(store: LanceStore, chunks: int) -> Figures:
    """Bytes a chunk that the process grows by for each kind of evidence, and milliseconds of a search after."""
    random = np.random.default_rng(2)
    view = store.view()
    view.nearest("dense", vectors(1, random), 1, None)  # code, sessions, and the list of chunks
    found, before = {}, resident()

    def grown(name: str) -> None:
        nonlocal before
        now = resident()
        found[name], before = max(0, now - before) / chunks, now

    [(ids, _)] = view.nearest("dense", vectors(1, random), 40, None)
    view.tokens("dense", ids)
    view.frequencies("dense")
    grown("tokens")
    view.lexical(["w00100"], 40, None)
    grown("words")
    query = " ".join(VOCABULARY[random.choice(WORDS, size=5, p=CHANCE)])
    began = time.process_time()
    for _ in range(20):
        view.nearest("dense", vectors(1, random), 40, None)
        view.lexical([query], 40, None)
    return found | {"search, ms": 50 * (time.process_time() - began)}


def measured(chunks: int, told: Any) -> None:
    """All of one size, in a process of its own."""
    with TemporaryDirectory() as folder:
        place, alone = Path(folder, "kb"), Path(folder, "parts")
        seconds = filled(place, chunks)
        sizes = disk(place, alone, chunks)
        spawn = multiprocessing.get_context("spawn")
        answer = spawn.Queue()
        reader = spawn.Process(target=read, args=(str(place), chunks, answer))
        reader.start()
        held = answer.get()
        reader.join()
        told.put({"disk": sizes, "memory": held, "write, ms": 1000 * seconds})


def read(place: str, chunks: int, told: Any) -> None:
    """What a process holds that only searches."""
    store = LanceStore.open(place)
    store.view().count()
    before = resident()
    store.view().nearest("dense", vectors(1, np.random.default_rng(0)), 1, None)
    whole = {"vectors": (resident() - before) / chunks}
    told.put(whole | memory(store, chunks))


def sizes(bench: Bench) -> Iterator[Table]:
    found: dict[int, Any] = {}
    spawn = multiprocessing.get_context("spawn")
    for chunks in bench.options.chunks:
        bench.say(f"{chunks:,} chunks")
        told = spawn.Queue()
        process = spawn.Process(target=measured, args=(chunks, told))
        process.start()
        found[chunks] = told.get()
        process.join()
    heads = {f"{chunks:,}": ",.0f" for chunks in found}
    rows = [
        [name, *(one["disk"][name] for one in found.values())] for name in (*PARTS, "everything")
    ]
    yield Table("bytes a chunk on disk", {"part": "", **heads}, rows)
    rows = [
        [name, *(one["memory"][name] for one in found.values())]
        for name in ("vectors", "tokens", "words")
    ]
    yield Table("bytes a chunk in memory", {"part": "", **heads}, rows)
    fine = {head: ".2f" for head in heads}
    rows = [
        ["write a chunk", *(one["write, ms"] for one in found.values())],
        [
            "find 40 by vectors and 40 by words",
            *(one["memory"]["search, ms"] for one in found.values()),
        ],
    ]
    yield Table("milliseconds of the processor, without a model", {"": "", **fine}, rows)


SUITE = Suite(
    {"chunk": sizes},
    options={
        "--chunks": {
            "type": int,
            "nargs": "+",
            "default": [1000, 10_000, 100_000],
            "help": "sizes",
        },
    },
    data=False,
)
