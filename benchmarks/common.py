"""What every suite is handed: sets, indexes and vectors kept between runs, ways taking turns, intervals."""

from __future__ import annotations

import argparse
import gc
import os
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from rich.console import Console

from benchmarks.records import Table
from rag_embed import Index
from rag_embed import evaluation as ev
from rag_embed.errors import BadInput
from rag_embed.maths.metrics import ndcg
from rag_embed.maths.resampling import stratified_paired_bootstrap
from rag_embed.types import Hit

NINE = (
    *("scifact", "cosqa", "squad_ctx", "policyqa_ctx", "anthropic_docs"),
    *("limit_small", "cranfield", "cacm", "chroma_chunks"),
)
"""The sets that stand for everyday retrieval."""

METRIC = "ndcg@10"
AVERAGE = "average"

Row = npt.NDArray[np.float64]
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, eq=False)
class Bench:
    """One run.

    Attributes:
        data: Folder of the public sets.
        work: Keeps indexes and vectors, for the next run too when ``--work`` names it.
        sets: Which sets are measured.
        options: What the suite asks for beside them.
        console: Says what is being done.
    """

    data: Path
    work: Path
    sets: Sequence[str]
    options: argparse.Namespace
    console: Console = field(default_factory=lambda: Console(width=170))

    def collection(self, name: str) -> ev.Collection:
        return ev.read_collection(self.data / name)

    @cached_property
    def collections(self) -> list[ev.Collection]:
        """The sets that are measured."""
        return [self.collection(name) for name in self.sets]

    def whole(self, collection: ev.Collection) -> Index:
        """The default index with a chunk per entry."""
        index = Index.at(self.work / "whole" / collection.name, chunk_tokens=None)
        index.add(collection.documents)
        return index

    def chunked(self, collection: ev.Collection) -> Index:
        """The default index: chunks of 200 tokens with token evidence."""
        index = Index.at(self.work / "chunked" / collection.name, tokens=True)
        index.add(collection.documents)
        return index

    def kept(self, name: str, make: Callable[[], npt.NDArray[Any]]) -> npt.NDArray[Any]:
        """An array that is made once; an interrupted run leaves no half a file."""
        path = self.work / f"{name}.npy"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_suffix(".draft.npy")
            np.save(draft, make())
            os.replace(draft, path)
        return np.load(path)  # type: ignore[no-any-return]

    def say(self, text: str) -> None:
        self.console.print(text, markup=False)


Part = Callable[[Bench], Iterator[Table]]


@dataclass(frozen=True)
class Suite:
    """What can be measured of one subject.

    Attributes:
        parts: By the name on the command line; each yields its tables.
        sets: The default of ``--sets``; none where the sets are part of the question.
        options: Further arguments of the command line, as ``ArgumentParser.add_argument`` has them.
        data: Whether public sets are needed.
    """

    parts: Mapping[str, Part]
    sets: Sequence[str] = ()
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    data: bool = True


def turns(
    ways: Mapping[str, Callable[[T], R]],
    inputs: Iterable[T],
    *,
    warm: int = 1,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[dict[str, list[R]], dict[str, list[float]]]:
    """Every way does every input, in random order, so that a slow moment of the machine slows all.

    Args:
        ways: What is compared, by name.
        inputs: Each is given to all ways before the next one.
        warm: The first so many inputs are not timed.
        clock: What counts.

    Returns:
        Per way what it returned for each input, and seconds for each but the first ``warm``.
    """
    found: dict[str, list[R]] = {name: [] for name in ways}
    spent: dict[str, list[float]] = {name: [] for name in ways}
    gc.collect()
    gc.disable()
    try:
        for number, one in enumerate(inputs):
            for name in random.Random(number).sample(list(ways), len(ways)):
                began = clock()
                found[name].append(ways[name](one))
                spent[name].append(clock() - began)
            if number % 100 == 99:
                gc.collect()
    finally:
        gc.enable()
    return found, {name: seconds[warm:] for name, seconds in spent.items()}


def seconds(act: Callable[..., T], *given: Any) -> tuple[T, float]:
    began = time.perf_counter()
    return act(*given), time.perf_counter() - began


def gain(pairs: Sequence[tuple[Row, Row]]) -> list[float]:
    """First less second, the sets counting the same: value and 95 % interval."""
    found = stratified_paired_bootstrap(pairs)
    return [found.value, found.low, found.high]


def mean(rows: Iterable[Row]) -> float:
    """Of the sets' means."""
    return float(np.mean([row.mean() for row in rows]))


def ndcgs(collection: ev.Collection, ids: Sequence[str], found: Sequence[Sequence[Hit]]) -> Row:
    """nDCG@10 of hits by document, for the queries of these ids."""
    ranked = [list(dict.fromkeys(hit.chunk.doc_id for hit in hits))[:10] for hits in found]
    return np.array(
        [ndcg(one, collection.qrels[id], 10) for id, one in zip(ids, ranked, strict=True)]
    )


def choosing(collection: ev.Collection) -> npt.NDArray[np.bool_]:
    """Which judged queries settings are chosen on; they share no relevant document with the others.

    Where all queries hang together, every second one.
    """
    try:
        half = set(ev.split_by_document(collection, seed=0)[0].judged)
    except BadInput:
        half = set(collection.judged[::2])
    return np.array([id in half for id in collection.judged])
