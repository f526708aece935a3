"""What grows with an index up to a million chunks: time to find, recall, memory, disk, and what writes cost.

No model: texts are drawn by a model of word pairs, vectors from a space of the spread of real ones, see
`_growth_corpus`; a question's vector is near that of a chunk. Each size has processes of its own: one adds all
documents, of a chunk each, by ``Index.add`` with the default settings, one searches, one searches with room for
all vectors, one adds and deletes. What should be found is known by comparing every vector. *Default*: as it
comes. *Disk*: vectors and words may take so little memory that few chunks are searched as many are.
"""

from __future__ import annotations

import multiprocessing
import pickle
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import Bench, Suite
from benchmarks.records import Table
from benchmarks.suites._growth_corpus import DIM
from benchmarks.suites._growth_work import ALONE, HYBRID, built, changed, on_disk_only, read
from benchmarks.suites.writes import on_disk

ROOM = 2 * 2**30
"""Bytes for vectors where all are to be held."""

HELD = 512 * 2**20 // (4 * DIM)
"""Chunks up to which they are by default."""


def apart(act: Callable[..., dict[str, Any]], *given: Any) -> dict[str, Any]:
    """In a process of its own."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(act, *given).result()


def made(bench: Bench, size: int) -> tuple[Path, dict[str, Any]]:
    """Where the index of so many chunks is kept, for the next part and run, and what it took."""
    options = bench.options
    folder = bench.work / "growth" / f"{size}{' tokens' if options.tokens else ''}"
    if not (told := folder / "built").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        asked = options.warm + options.queries
        told.write_bytes(pickle.dumps(apart(built, folder, size, asked, options.tokens)))
    return folder, pickle.loads(told.read_bytes())


def default(bench: Bench) -> Iterator[Table]:
    found = {}
    for size in bench.options.sizes:
        folder, told = made(bench, size)
        found[size] = measured(bench, size, folder, told, ROOM if size > HELD else None)
    yield from tables(found)


def disk(bench: Bench) -> Iterator[Table]:
    found, cache = {}, bench.options.disk_mb * 2**20
    for size in bench.options.sizes:
        folder = made(bench, size)[0]
        shutil.rmtree(folder / "disk", ignore_errors=True)
        told = apart(on_disk_only, folder, cache)
        found[size] = measured(bench, size, folder / "disk", told, ROOM, cache)
    yield from tables(found)


def measured(
    bench: Bench,
    size: int,
    folder: Path,
    told: dict[str, Any],
    room: int | None,
    cache_bytes: int | None = None,
) -> dict[str, Any]:
    """All of one size.

    Args:
        bench: Says what is done.
        size: How many chunks.
        folder: Where the index is.
        told: What it took to make it.
        room: Bytes in which all vectors are to be searched too; None where they are anyway.
        cache_bytes: What vectors may take in memory; None for what they may by default.
    """
    warm, found = bench.options.warm, {"built": told, "disk": on_disk(folder / "kb")[1]}
    bench.say(f"{size:,} chunks: made, {shown(told)}")
    found["read"] = found["room"] = apart(read, folder, warm, cache_bytes)
    bench.say(f"{size:,} chunks: searched")
    if room is not None:
        found["room"] = apart(read, folder, warm, room)
        bench.say(f"{size:,} chunks: searched with room for all")
    if bench.options.changes:
        found["changed"] = apart(changed, folder, bench.options.changes, cache_bytes)
        bench.say(f"{size:,} chunks: changed")
    return found


def shown(told: dict[str, Any]) -> str:
    return ", ".join(f"{name} {np.round(value, 1)}" for name, value in told.items())


def ms(seconds: Sequence[float], at: float) -> float:
    return 1000 * float(np.quantile(seconds, at))


def tables(found: dict[int, dict[str, Any]]) -> Iterator[Table]:
    rows = [row for size, some in found.items() for row in searches(size, some)]
    columns = {"search": "", "chunks": ",d", "CPU p50, ms": ".1f", "CPU p95": ".1f"}
    columns |= {"wall p50": ".0f", "wall p95": ".0f", "recall of 10": ".3f", "CPU p95, room": ".1f"}
    yield Table("searches", columns, rows)
    rows = [[size, *sizes(size, some)] for size, some in found.items()]
    columns = {"chunks": ",d", "add, CPU ms": ".2f", "optimize, CPU ms": ".2f", "wall ms": ".2f"}
    columns |= {"bytes on disk": ",.0f"}
    yield Table("building, a chunk", columns, rows)
    rows = [[size, *memory(some)] for size, some in found.items()]
    columns = {"chunks": ",d", "building, MB": ",.0f", "searching, MB": ",.0f", "peak": ",.0f"}
    columns |= {"adding and deleting": ",.0f", "with room": ",.0f", "first search, s": ".2f"}
    yield Table("memory of a process", columns, rows)
    rows = [
        [name, size, ms(walls, 0.5), ms(walls, 0.95), ms(cpu, 0.5), 1000 * float(np.mean(cpu))]
        for size, some in found.items()
        for name, spent in some.get("changed", {"spent": {}})["spent"].items()
        for walls, cpu in [np.array(spent).T]
    ]
    columns = {"one document": "", "chunks": ",d", "p50, ms": ".0f", "p95, ms": ".0f"}
    if rows:
        yield Table("changes", columns | {"CPU p50": ".1f", "CPU mean": ".1f"}, rows)


def searches(size: int, some: dict[str, Any]) -> Iterator[list[Any]]:
    read, room = some["read"], some["room"]["ways"]
    for name, way in read["ways"].items():
        kind = name.removeprefix(HYBRID).removeprefix(ALONE).strip()
        exact = read["best"][kind] if name.startswith(ALONE) else room[name]["ids"]
        shares = [len(a & b) / len(b) for a, b in zip(way["ids"], exact, strict=True) if b]
        recall = (
            float(np.mean(shares)) if name.startswith(ALONE) or room is not read["ways"] else None
        )
        walls, cpu = way["wall"], way["cpu"]
        times = ms(cpu, 0.5), ms(cpu, 0.95), ms(walls, 0.5), ms(walls, 0.95)
        yield [name, size, *times, recall, ms(room[name]["cpu"], 0.95)]


def sizes(size: int, some: dict[str, Any]) -> list[float]:
    told = some["built"]
    wall = told["add"][0] + told["optimize"][0]
    each = (told["add"][1], told["optimize"][1], wall)
    return [*(1000 * one / size for one in each), some["disk"] / size]


def memory(some: dict[str, Any]) -> list[float | None]:
    read, room = some["read"], some["room"]
    changed = some.get("changed", {"peak": None})["peak"]
    built = some["built"]["peak"] - some["built"]["before"]
    with_room = None if room is read else room["peak"]
    return [built, read["resident"], read["peak"], changed, with_room, read["first"][0]]


SUITE = Suite(
    {"default": default, "disk": disk},
    options={
        "--sizes": {
            "type": int,
            "nargs": "+",
            "default": [10_000, 100_000, 1_000_000],
            "help": "chunks",
        },
        "--queries": {"type": int, "default": 150, "help": "questions that are timed"},
        "--warm": {"type": int, "default": 50, "help": "questions asked before them"},
        "--changes": {"type": int, "default": 40, "help": "documents added, replaced and deleted"},
        "--disk-mb": {
            "type": int,
            "default": 8,
            "help": "memory for vectors and words where few chunks are searched as many are: on disk",
        },
        "--no-tokens": {
            "dest": "tokens",
            "action": "store_false",
            "help": "without token evidence, a quarter of the disk",
        },
    },
    data=False,
)
