"""An expert joins a large index: it takes seconds, and no stored vector is touched.

    python benchmarks/experts.py [--chunks 100000] [--expert FOLDER] [--work DIR]
                                 [--out results/experts.json]

The index holds random unit vectors in the space of the default model, written straight into its store,
so that nothing has to be encoded. The expert is a folder that train-expert wrote; without one an adapter
of the same shape with random numbers. *Add* is ``index.experts.add``, *first* the first search that asks
the expert (its model is loaded, and the first time on a machine merged and converted), *next* a later one.
Every file of the chunks is compared before and after by size, time and content.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from rich.console import Console

from rag_embed import Document, Index, Query
from rag_embed.encoders.adapter import Adapter, Matrix, write_adapter
from rag_embed.encoders.adapter_card import Card
from rag_embed.indexing import content_hash
from rag_embed.maths.resampling import Difference
from rag_embed.maths.vectors import unit
from rag_embed.ranking.hybrid import Hybrid
from rag_embed.types import Chunk, ChunkRows, Signature

BATCH = 10_000
RANK = 16
QUESTIONS = ("who pays the fees of the harbour", "when does the crane lift", "night sailing rules")

T = TypeVar("T")


def synthetic(path: Path, chunks: int) -> Index:
    """An index of one-chunk documents with random vectors; one that is there is used again."""
    if path.exists():
        return Index.open(path)
    index = Index.create(path, situate="titled", tokens=False)
    rng = np.random.default_rng(0)
    words = np.array([f"word{i}" for i in range(5000)])
    for start in range(0, chunks, BATCH):
        some = range(start, min(start + BATCH, chunks))
        documents = [
            Document(f"d{i}", " ".join(words[rng.integers(0, len(words), 30)])) for i in some
        ]
        rows = unit(
            rng.standard_normal((len(some), index.spaces.own.signature.dim)).astype(np.float32)
        )
        index.store.replace(
            [(d, content_hash(d)) for d in documents],
            ChunkRows([Chunk.of(d, 0, len(d.text)) for d in documents], {"dense": rows}),
        )
    index.store.optimize()
    return index


def random_expert(folder: Path, base: Signature) -> Path:
    """An adapter of six layers as train-expert writes it, its numbers random, its gain nothing."""
    rng = np.random.default_rng(0)

    def factor(*shape: int) -> Matrix:
        return (0.01 * rng.standard_normal(shape)).astype(np.float32)

    layers = [
        f"encoder.layer.{i}.attention.self.{name}" for i in range(6) for name in ("query", "value")
    ]
    dim = base.dim
    adapter = Adapter(base, {one: (factor(RANK, dim), factor(dim, RANK)) for one in layers})
    write_adapter(adapter, folder)
    nothing = Difference(0.0, 0.0, 0.0, 1.0)
    counts = {"train": 0, "validation": 0, "held_out": 0}
    Card(
        *("expert", folder.name, "random numbers", base.model, base.weights, counts, counts, {}),
        *(0, 1.0, 0.0, (), "ndcg@10", 0.0, 0.0, nothing),
    ).write(folder)
    return folder


def marks(folder: Path) -> dict[str, tuple[int, int, str]]:
    """Size, time and hash of every file below a folder."""
    return {
        str(file.relative_to(folder)): (
            file.stat().st_size,
            file.stat().st_mtime_ns,
            hashlib.sha256(file.read_bytes()).hexdigest(),
        )
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def timed(do: Callable[[], T]) -> tuple[T, float]:
    began = time.perf_counter()
    return do(), time.perf_counter() - began


def measured(index: Index, path: Path, expert: Path, console: Console) -> dict[str, object]:
    for one in index.experts.list():
        index.experts.remove(one.name)
    asked = [Query(text) for text in QUESTIONS]
    index.retriever.retrieve(asked[:1])  # the vectors are read once
    _, before = timed(lambda: index.retriever.retrieve(asked[1:2]))
    stored = marks(path / "chunks.lance")
    added, adding = timed(lambda: index.experts.add(expert))
    hybrid: Hybrid = index.experts.hybrid()
    asking = replace(hybrid, weights={**hybrid.weights, added.name: 0.5})
    (hits, *_), first = timed(lambda: asking.retrieve(asked[:1]))
    _, later = timed(lambda: asking.retrieve(asked[2:3]))
    untouched = marks(path / "chunks.lance") == stored
    legs: Sequence[str] = [part.leg for part in hits[0].parts]
    console.print(
        f"{len(index)} chunks, expert {added.name}: added in {adding:.3f} s; first search that asks it "
        f"{first:.2f} s, next {1000 * later:.1f} ms (without it {1000 * before:.1f} ms); legs {legs}; "
        f"{len(stored)} files of chunks, {sum(size for size, *_ in stored.values()) / 2**20:.0f} MiB, "
        f"{'all as they were' if untouched else 'CHANGED'}",
        markup=False,
    )
    return {
        "chunks": len(index),
        "add": adding,
        "first": first,
        "next": later,
        "without": before,
        "untouched": untouched,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--expert", type=Path, help="a folder that train-expert wrote")
    parser.add_argument("--work", type=Path, help="keep the index here")
    parser.add_argument("--out", type=Path, default=Path("results/experts.json"))
    arguments = parser.parse_args()
    console = Console(width=160)
    with tempfile.TemporaryDirectory() as scratch:
        work = arguments.work or Path(scratch)
        path = work / f"synthetic-{arguments.chunks}"
        index, making = timed(lambda: synthetic(path, arguments.chunks))
        console.print(f"index ready in {making:.0f} s")
        base = replace(index.spaces.own.signature, chunks="", tokens="")
        expert = arguments.expert or random_expert(work / "random-expert", base)
        found = measured(index, path, expert, console)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
