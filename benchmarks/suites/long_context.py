"""Texts longer than the model reads: what each method finds, and what it costs.

*Passkey*: Acc@1 among documents of the same length, in words; *centred* is less the mean vector of these.
*Documents*: nDCG@10 on whole meetings; how many chunks of one count is chosen on one half, split by document.
*Costs*: processor seconds against length; texts repeat nothing, since equal windows are encoded once.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from sentence_transformers import SentenceTransformer

from benchmarks.common import Bench, Row, Suite, choosing, gain, ndcgs
from benchmarks.records import Table
from rag_embed import Index, encoders
from rag_embed import evaluation as ev
from rag_embed.encoders import HashEncoder, SentenceEncoder
from rag_embed.longcontext import Windows, extend, windows
from rag_embed.longcontext.haystacks import needles
from rag_embed.maths.metrics import ndcg
from rag_embed.maths.resampling import bootstrap
from rag_embed.maths.vectors import unit
from rag_embed.maths.windowing import novelty, weighted_means
from rag_embed.protocols import Encoder, Retriever
from rag_embed.ranking import Reranked
from rag_embed.ranking.best_chunks import BestChunks
from rag_embed.types import DENSE, LEXICAL, Query, Vectors

SINGLE = ("cut off", "recurrent", "grouped", "interpolated", "recurrent log-n")
WINDOWS = ((200, 100), (64, 32))
SAMPLE = {4096: 10, 8192: 6, 16384: 4}
"""Words, and how many documents of that length single vectors are made of."""

LENGTHS = (256, 512, 1024, 2048, 4096, 8192)
LONGEST = 32_768
REPEATED = 512
"""Up to this length the fastest of three counts."""

TAKE = (1, 2, 3, 5)
WHOLE = "BM25 on whole documents"


@dataclass(frozen=True)
class Task:
    """Documents of so many words, each with the query that asks for it; a sample, or all of them."""

    words: int
    sample: bool
    documents: list[str]
    queries: list[str]

    @property
    def name(self) -> str:
        return f"{self.words} ({len(self.documents)})" if self.sample else f"{self.words}"


def tasks(collection: ev.Collection) -> Iterator[Task]:
    """By words; where single vectors see a sample only, that first."""
    texts = {document.id: document.text for document in collection.documents}
    lengths: dict[int, list[tuple[str, str]]] = {}
    for id in collection.judged:
        (document,) = collection.qrels[id]
        words = int(document.partition("-")[0].removeprefix("len"))
        lengths.setdefault(words, []).append((texts[document], collection.queries[id]))
    for words, pairs in sorted(lengths.items()):
        for count in sorted({SAMPLE.get(words, len(pairs)), len(pairs)}):
            some = pairs[:: len(pairs) // count][:count]  # keys at even depths, as in all of them
            documents, queries = map(list, zip(*some, strict=True))
            yield Task(words, count < len(pairs), documents, queries)


def vectors(name: str, queries: Vectors, rows: Vectors) -> Iterator[tuple[str, Vectors]]:
    """Scores of one vector per document, as it is and less the mean of all of them."""
    yield name, queries @ rows.T
    yield f"{name}, centred", queries @ unit(rows - rows.mean(axis=0)).T


def windowed(bench: Bench, task: Task, queries: Vectors) -> Iterator[tuple[str, Vectors]]:
    """All ways to use windows; equal windows are encoded once, so pass keys cost little."""
    for size, overlap in WINDOWS:
        name, cut = f"windows {size}/{overlap}", windows(encoders.load(), size, overlap=overlap)

        made = partial(_rows_and_owners, cut, task.documents)
        both = bench.kept(f"passkey/windows {size} {overlap}/{task.name}", made)
        rows, owners = both[:, :-1].astype(np.float32), both[:, -1].astype(np.intp)
        starts = np.flatnonzero(np.diff(owners, prepend=-1))
        means = unit(np.add.reduceat(rows, starts, axis=0))
        yield from vectors(f"{name}, mean", queries, means)
        weights = np.concatenate([novelty(some) for some in np.split(rows, starts[1:])])
        novel = weighted_means(rows, weights, owners, len(starts))
        yield from vectors(f"{name}, novelty", queries, novel)
        yield f"{name}, max-sim", np.maximum.reduceat(queries @ rows.T, starts, axis=1)


def _rows_and_owners(cut: Windows, documents: Sequence[str]) -> npt.NDArray[np.float64]:
    return np.column_stack(cut.encode_windows(documents))


def single(bench: Bench, name: str, task: Task, made: dict[str, Encoder]) -> Vectors:
    """Unit rows of whole texts, each kept as soon as it is there; the model is loaded when needed."""

    def encode(text: str) -> Vectors:
        if name not in made:
            made[name] = SentenceEncoder.wrap(extended(name))
        row: Vectors = made[name].encode_document([text])[0]
        return row

    return np.stack(
        [
            bench.kept(f"passkey/{name}/{task.name}-{i}", partial(encode, text))
            for i, text in enumerate(task.documents)
        ]
    )


def passkey(bench: Bench) -> Iterator[Table]:
    found: dict[str, dict[str, float]] = {}
    made: dict[str, Encoder] = {}
    columns = []
    for task in tasks(bench.collection("passkey")):
        if task.sample and task.words > bench.options.longest:
            continue
        columns.append(task.name)
        queries = encoders.load().encode_query(task.queries)
        scored: list[tuple[str, Vectors]] = []
        whole = task.words not in SAMPLE or task.sample
        for name in bench.options.methods:
            if name == "cut off" or (whole and task.words <= bench.options.longest):
                scored += vectors(name, queries, single(bench, name, task, made))
        for name, scores in [*scored, *windowed(bench, task, queries)]:
            right = scores.argmax(axis=1) == np.arange(len(scores))
            found.setdefault(name, {})[task.name] = float(right.mean())
        bench.say(f"{task.name} words: done")
    rows = [
        [name, *map(row.get, columns)]
        for name, row in sorted(found.items(), key=lambda item: "windows" in item[0])
    ]
    yield Table("Acc@1 by words", {"method": "", **dict.fromkeys(columns, ".2f")}, rows)


def documents(bench: Bench) -> Iterator[Table]:
    collection = bench.collection("qmsum_docs")
    index = Index.at(bench.work / "qmsum")
    index.add(collection.documents)
    hybrid = index.experts.hybrid()
    systems: dict[str, Retriever] = {}
    legs = {"dense": DENSE, "BM25 on chunks": LEXICAL}
    alone = {name: hybrid.alone(leg) for name, leg in legs.items()}
    for name, retriever in {**alone, "hybrid": hybrid}.items():
        for take in TAKE:
            best = Reranked(retriever, BestChunks(take), 400, spread=False)
            systems[f"{name}, best {take}"] = best
    whole = Index.in_memory(encoder=HashEncoder(8), chunk_tokens=None, situate="isolated")
    whole.add(collection.documents)
    systems[WHOLE] = whole.experts.hybrid().alone(LEXICAL)
    ids = list(collection.judged)
    queries = [Query(collection.queries[id], k=10, group_by="document") for id in ids]
    scores = {n: ndcgs(collection, ids, s.retrieve(queries)) for n, s in systems.items()}
    scores |= one_vector(collection, index)
    first = choosing(collection)
    rows: list[list[Any]] = []
    for name, row in scores.items():
        all_ = bootstrap([row])
        rows.append(
            [name, row[first].mean(), row[~first].mean(), [all_.value, all_.low, all_.high]]
        )
    columns = {"system": "", "choosing half": ".3f", "other half": ".3f", "all": ".3f"}
    yield Table("nDCG@10", columns, rows)
    rows = []
    for family in ("dense", "hybrid"):
        options = [name for name in systems if name.startswith(family)]
        name = max(options, key=lambda one: scores[one][first].mean())
        pairs = [(scores[name][some], scores[WHOLE][some]) for some in (~first, slice(None))]
        rows.append([f"{name} (chosen)", *(gain([pair]) for pair in pairs)])
    yield Table(f"less {WHOLE}", {"system": "", "other half": "+.3f", "all": "+.3f"}, rows)


def one_vector(collection: ev.Collection, index: Index) -> dict[str, Row]:
    """A meeting as its first chunk, or as the mean of its chunks."""
    view, names = index.store.view(), [document.id for document in collection.documents]
    rows = [view.vectors(DENSE, [c.id for c in view.document_chunks(id)]) for id in names]
    means = unit(np.array([some.mean(axis=0) for some in rows]))
    made = {
        "one vector: first chunk": np.array([some[0] for some in rows]),
        "one vector: mean of chunks": means,
    }
    queries = index.spaces.own.encode_query([collection.queries[id] for id in collection.judged])
    judged = [collection.qrels[id] for id in collection.judged]
    found = {}
    for name, vectors_ in made.items():
        order = np.argsort(-(queries @ vectors_.T), axis=1, kind="stable")[:, :10]
        pairs = zip(order, judged, strict=True)
        found[name] = np.array([ndcg([names[i] for i in row], right, 10) for row, right in pairs])
    return found


def extended(name: str, device: str | None = None) -> SentenceTransformer:
    """A model that makes one vector of a text: "method [trained tokens] [scaling]"."""
    base = SentenceEncoder(device=device).model
    if name == "cut off":
        base.max_seq_length = 512
        return base
    method, *rest = name.split()
    trained = int(rest.pop(0)) if rest and rest[0].isdigit() else None
    scaling = float(rest[0]) if rest and rest[0] != "log-n" else "".join(rest) or "none"
    return extend(base, LONGEST, method, scaling=scaling, trained_tokens=trained)  # type: ignore[arg-type]


def encoder_of(name: str) -> tuple[Encoder, Callable[[str], object]]:
    """An encoder, and what is done with one document."""
    if name != "windows":
        encoder = SentenceEncoder.wrap(extended(name, "cpu"))
        return encoder, lambda text: encoder.encode_document([text])
    plain = SentenceEncoder(device="cpu")
    cut = windows(plain, 200, overlap=100)
    return plain, lambda text: cut.encode_windows([text])


def essay(encoder: Encoder, tokens: int) -> str:
    """A text of so many tokens, special tokens included."""
    text = needles(2 * tokens, 1, seed=2)[0].text
    return text[: encoder.token_spans(text)[tokens - 3, 1]]


def costs(bench: Bench) -> Iterator[Table]:
    lengths, rows = sorted(bench.options.lengths), []
    for name in [*bench.options.methods, "windows"]:
        encoder, act = encoder_of(name)
        act("a short text")
        row = []
        for length in lengths:
            text, times = essay(encoder, length), []
            for _ in range(3 if length <= REPEATED else 1):
                began = time.process_time()
                act(text)
                times.append(time.process_time() - began)
            row.append(min(times))
        last = f"n^{math.log2(row[-1] / row[-2]):.1f}" if len(row) > 1 else None
        rows.append([name, *row, last])
        bench.say(f"{name}: done")
    columns = {"method": "", **dict.fromkeys(map(str, lengths), ".2f"), "last doubling": ""}
    yield Table("CPU seconds by tokens", columns, rows)


SUITE = Suite(
    {"passkey": passkey, "documents": documents, "costs": costs},
    options={
        "--methods": {"nargs": "*", "default": [*SINGLE], "help": "of one vector"},
        "--longest": {"type": int, "default": 4096, "help": "words of single vectors"},
        "--lengths": {"nargs": "+", "type": int, "default": [*LENGTHS], "help": "of costs"},
    },
)
