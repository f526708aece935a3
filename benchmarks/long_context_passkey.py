"""Pass keys hidden in filler: which method still knows them? See ``long_context.py``.

`choose` and `choose_windows` compare settings on generated documents, `report` measures on the
shared set.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table
from sentence_transformers import SentenceTransformer

from rag_embed import encoders
from rag_embed import evaluation as ev
from rag_embed.encoders import SentenceEncoder
from rag_embed.longcontext import Windows, extend, windows
from rag_embed.longcontext.haystacks import passkeys
from rag_embed.maths.vectors import unit
from rag_embed.maths.windowing import novelty, weighted_means
from rag_embed.protocols import Encoder
from rag_embed.types import Vectors

SINGLE = ("cut off", "recurrent", "grouped", "interpolated", "recurrent log-n")
CANDIDATES = tuple(
    f"{how} {some}" for some in (512, 128) for how in ("recurrent", "grouped", "interpolated")
)
SCALINGS = ("log-n", "0.8")
WINDOWS = ((200, 0), (200, 100), (100, 50), (64, 32))
REPORTED = ((200, 100), (64, 32))
GENERATED = (1024, 2048)
WINDOWED = (512, 1024, 2048, 4096)
KEYS = 3
SAMPLE = {4096: 10, 8192: 6, 16384: 4}
"""Words, and how many documents of that length single vectors are made of."""
LONGEST = 32_768


@dataclass(frozen=True)
class Task:
    """Documents, and queries with the position of the document that each asks for."""

    name: str
    documents: list[str]
    queries: list[str]
    truth: npt.NDArray[np.intp]


def generated(length: int, count: int) -> Task:
    """Documents of so many tokens, with several keys each."""
    some = passkeys(length, count, KEYS, seed=1)
    asked = [(question, i) for i, one in enumerate(some) for question, _ in one.questions]
    truth = np.array([i for _, i in asked], dtype=np.intp)
    name = f"{length} tokens ({count})"
    return Task(name, [one.text for one in some], [one for one, _ in asked], truth)


def shared(data: Path) -> list[tuple[int, Task]]:
    """The shared set by words; where single vectors see a sample only, that first."""
    collection = ev.read_collection(data / "passkey")
    texts = {document.id: document.text for document in collection.documents}
    lengths: dict[int, list[tuple[str, str]]] = {}
    for id in collection.judged:
        (document,) = collection.qrels[id]
        words = int(document.partition("-")[0].removeprefix("len"))
        lengths.setdefault(words, []).append((texts[document], collection.queries[id]))
    found = []
    for words, pairs in sorted(lengths.items()):
        for count in sorted({SAMPLE.get(words, len(pairs)), len(pairs)}):
            step = len(pairs) // count
            some = pairs[::step][:count]  # keys at even depths, as in all of them
            name = f"{words}" if count == len(pairs) else f"{words} ({count})"
            asked = [query for _, query in some]
            task = Task(name, [text for text, _ in some], asked, np.arange(count))
            found.append((words, task))
    return found


def single(name: str, device: str | None = None) -> SentenceTransformer:
    """A model that makes one vector of a text: "method [trained tokens] [scaling]"."""
    base = SentenceEncoder(device=device).model
    if name == "cut off":
        base.max_seq_length = 512
        return base
    method, *rest = name.split()
    trained = int(rest.pop(0)) if rest and rest[0].isdigit() else None
    scaling = float(rest[0]) if rest and rest[0] != "log-n" else "".join(rest) or "none"
    return extend(base, LONGEST, method, scaling=scaling, trained_tokens=trained)  # type: ignore[arg-type]


class Single:
    """Loads a model when it is first needed, and encodes each document once."""

    def __init__(self, name: str, work: Path) -> None:
        self.name = name
        self.work = work
        self._made: Encoder | None = None

    def rows(self, task: str, documents: Sequence[str]) -> Vectors:
        """``(n, dim)`` unit rows, each kept as soon as it is there."""
        return np.stack([self._row(f"{task}-{i}", text) for i, text in enumerate(documents)])

    def _row(self, key: str, text: str) -> Vectors:
        def make() -> Vectors:
            self._made = self._made or SentenceEncoder.wrap(single(self.name))
            return self._made.encode_document([text])[0]

        return kept(self.work / "passkey" / self.name / f"{key}.npy", make)


def kept(path: Path, make: Callable[[], npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Made once; a run that is interrupted leaves no half a file."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft.npy")
        np.save(draft, make())
        draft.rename(path)
    return np.load(path)


class Board:
    """Acc@1 by method and length."""

    def __init__(self) -> None:
        self.found: dict[str, dict[str, float]] = {}

    def vectors(self, name: str, task: Task, queries: Vectors, rows: Vectors) -> None:
        """One vector per document, as it is and less the mean of all of them."""
        self.scores(name, task, queries @ rows.T)
        self.scores(f"{name}, centred", task, queries @ unit(rows - rows.mean(axis=0)).T)

    def scores(self, name: str, task: Task, scores: npt.NDArray[np.floating]) -> None:
        """``(queries, documents)``, the higher the better."""
        right = scores.argmax(axis=1) == task.truth
        self.found.setdefault(name, {})[task.name] = float(right.mean())

    def show(self, console: Console, title: str, names: Sequence[str]) -> None:
        table = Table("method", *names, "mean", title=title)
        for name, row in sorted(self.found.items(), key=lambda item: "windows" in item[0]):
            cells = [f"{row[one]:.2f}" if one in row else "" for one in names]
            mean = f"{np.mean(list(row.values())):.3f}" if len(row) == len(names) else ""
            table.add_row(name, *cells, mean)
        console.print(table)

    def mean(self, name: str) -> float:
        return float(np.mean(list(self.found[name].values())))


def windowed(
    board: Board,
    task: Task,
    queries: Vectors,
    loaded: Encoder,
    work: Path,
    sizes: Sequence[tuple[int, int]],
) -> None:
    """All ways to use windows; equal windows are encoded once, so pass keys cost little."""
    for size, overlap in sizes:
        name = f"windows {size}/{overlap}"
        cut = windows(loaded, size, overlap=overlap)
        folder = work / "passkey" / f"windows {size} {overlap}"

        def make(cut: Windows = cut) -> npt.NDArray[np.floating]:
            rows, owners = cut.encode_windows(task.documents)
            return np.column_stack([rows, owners])

        both = kept(folder / f"{task.name}.npy", make)
        rows, owners = both[:, :-1].astype(np.float32), both[:, -1].astype(np.intp)
        starts = np.flatnonzero(np.diff(owners, prepend=-1))
        board.vectors(f"{name}, mean", task, queries, unit(np.add.reduceat(rows, starts, axis=0)))
        weights = np.concatenate([novelty(some) for some in np.split(rows, starts[1:])])
        novel = weighted_means(rows, weights, owners, len(starts))
        board.vectors(f"{name}, novelty", task, queries, novel)
        best = np.maximum.reduceat(queries @ rows.T, starts, axis=1)
        board.scores(f"{name}, max-sim", task, best)


def choose_windows(work: Path, console: Console, count: int) -> dict[str, dict[str, float]]:
    """Size and overlap for each way to use windows, on generated documents."""
    loaded = encoders.load()
    board = Board()
    some = [generated(length, count) for length in WINDOWED]
    for task in some:
        windowed(board, task, loaded.encode_query(task.queries), loaded, work, WINDOWS)
    title = f"generated pass keys, windows, Acc@1 of {KEYS * count} questions"
    board.show(console, title, [task.name for task in some])
    for kind in ("mean", "mean, centred", "novelty", "novelty, centred", "max-sim"):
        options = [name for name in board.found if name.endswith(f", {kind}")]
        console.print(f"chosen of windows, {kind}: {max(options, key=board.mean)!r}")
    return board.found


def choose(work: Path, console: Console, count: int) -> dict[str, dict[str, float]]:
    """Positions, then the scaling of the best two, on generated documents."""
    loaded = encoders.load()
    board = Board()
    everything = [generated(length, count) for length in GENERATED]
    asked = {task.name: loaded.encode_query(task.queries) for task in everything}

    def add(name: str) -> None:
        for task in everything:
            rows = Single(name, work).rows(task.name, task.documents)
            board.vectors(name, task, asked[task.name], rows)

    for name in ("cut off", *CANDIDATES):
        add(name)
    for name in sorted(CANDIDATES, key=board.mean, reverse=True)[:2]:
        for scaling in SCALINGS:
            add(f"{name} {scaling}")
    title = f"generated pass keys, single vectors, Acc@1 of {KEYS * count} questions"
    board.show(console, title, [task.name for task in everything])
    plain = [name for name in board.found if not name.endswith("centred") and name != "cut off"]
    console.print(f"chosen of single vectors: {max(plain, key=board.mean)!r}")
    return board.found


def report(
    data: Path, work: Path, console: Console, names: Sequence[str], longest: int
) -> dict[str, dict[str, float]]:
    """The shared set: Acc@1 by length in words; single vectors of a whole text up to ``longest``."""
    loaded = encoders.load()
    board = Board()
    everything = [
        (words, task) for words, task in shared(data) if words <= longest or "(" not in task.name
    ]
    queries = {task.name: loaded.encode_query(task.queries) for _, task in everything}
    made = {name: Single(name, work) for name in names}
    for words, task in everything:
        asked = queries[task.name]
        for name, encoder in made.items():
            whole = words not in SAMPLE or "(" in task.name
            if name == "cut off" or (whole and words <= longest):
                board.vectors(name, task, asked, encoder.rows(task.name, task.documents))
        windowed(board, task, asked, loaded, work, REPORTED)
    title = "passkey, Acc@1 by words; 20 documents, or as many as in brackets"
    board.show(console, title, [task.name for _, task in everything])
    return board.found
