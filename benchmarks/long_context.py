"""Long context: what each method finds, and what it costs.

    python benchmarks/long_context.py --data DATA [--work DIR] [--parts passkey documents costs]

*Passkey*: Acc@1 of all-MiniLM-L6-v2 at each length of the ``passkey`` set (in words, 1.3 tokens
each), among documents of the same length, and on generated documents of 256 to 16,384 tokens.
Single vectors read up to 32,768 tokens. *Centred*: less the mean vector of the documents of that
length. Windows are chosen on the generated documents, ``passkey`` reports. The longest texts are a
sample, the first of each length (``--most``), for single vectors and windows alike.
*Documents*: nDCG@10 on ``qmsum_docs``, whole meetings, chunks of 200 tokens: how many chunks of a
document count is chosen on one half, split by document, and reported on the other. *Costs*: seconds
and memory per document against length, each in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from rag_embed import Index, Query, encoders
from rag_embed import evaluation as ev
from rag_embed.encoders import HashEncoder
from rag_embed.longcontext.best import BestChunks
from rag_embed.longcontext.haystacks import passkeys
from rag_embed.maths.metrics import ndcg
from rag_embed.maths.resampling import bootstrap, paired_bootstrap
from rag_embed.maths.vectors import unit
from rag_embed.maths.windowing import novelty, weighted_means
from rag_embed.protocols import Encoder, Retriever
from rag_embed.ranking.legs import DenseLeg, LexicalLeg
from rag_embed.types import Vectors

SINGLE = ("cut off", "recurrent", "grouped", "interpolated", "recurrent log-n")
WINDOWS = ((200, 0), (200, 100), (100, 50), (64, 32))
GENERATED = (256, 512, 1024, 2048, 4096, 8192, 16384)
MOST = {4096: 20, 8192: 20, 10**9: 4}
TAKE = (1, 2, 3, 5)
COSTS = (512, 1024, 2048, 4096, 8192)
LONGEST = 32_768


@dataclass(frozen=True)
class Task:
    """Documents of one length, and for each the query that asks for it."""

    name: str
    documents: list[str]
    queries: list[str]


def tasks(data: Path, most: int) -> list[Task]:
    """Lengths of the shared set in words, then generated ones in tokens."""
    collection = ev.read_collection(data / "passkey")
    texts = {document.id: document.text for document in collection.documents}
    lengths: dict[str, list[tuple[str, str]]] = {}
    for id in collection.judged:
        (document,) = collection.qrels[id]
        name = f"{document.partition('-')[0].removeprefix('len')} words"
        lengths.setdefault(name, []).append((texts[document], collection.queries[id]))
    found = [
        Task(name, [text for text, _ in some], [asked for _, asked in some])
        for name, some in sorted(lengths.items(), key=lambda item: int(item[0].split()[0]))
    ]
    for length in GENERATED:
        some_ = passkeys(length, most, seed=1)
        asked = [one.questions[0][0] for one in some_]
        found.append(Task(f"{length} tokens", [one.text for one in some_], asked))
    return found


def single(name: str, device: str | None = None, work: Path | None = None) -> Encoder:
    """A model that makes one vector of a text; the one that can be baked runs with OpenVINO."""
    from rag_embed.encoders import SentenceEncoder
    from rag_embed.longcontext import bake, extend

    base = SentenceEncoder(device=device).model
    if name == "cut off":
        base.max_seq_length = 512
        return SentenceEncoder.wrap(base)
    method, _, scaling = name.partition(" ")
    long = extend(base, LONGEST, method, scaling=scaling or "none")  # type: ignore[arg-type]
    if work is not None and name == "recurrent":  # the same for texts of every length
        if not (work / "recurrent").exists():
            bake(long, work / "recurrent")
        return encoders.load(str(work / "recurrent"))
    return SentenceEncoder.wrap(long)


def kept(path: Path, make: Callable[[], Vectors]) -> Vectors:
    """Encode once."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, make())
    return np.load(path)


def passkey(
    data: Path, work: Path, console: Console, most: int, names: Sequence[str], longest: int
) -> dict[str, dict[str, float]]:
    from rag_embed.longcontext import windows

    found: dict[str, dict[str, float]] = {}
    everything = [t for t in tasks(data, most) if int(t.name.split()[0]) <= longest]
    loaded = encoders.load()
    made: dict[str, Encoder] = {}
    for task in everything:
        queries = loaded.encode_query(task.queries)
        truth = np.arange(len(queries))

        def note(name: str, scores: npt.NDArray[np.floating]) -> None:
            right = scores.argmax(axis=1) == truth  # noqa: B023  # called in this turn
            found.setdefault(name, {})[task.name] = float(right.mean())  # noqa: B023

        for name in names:
            if name not in made:
                made[name] = single(name, work=work)
            path = work / "passkey" / f"{name}-{task.name}-{len(truth)}.npy"
            rows = kept(path, lambda n=name, t=task: made[n].encode_document(t.documents))
            note(name, queries @ rows.T)
            note(f"{name}, centred", queries @ unit(rows - rows.mean(axis=0)).T)
        for size, overlap in WINDOWS:
            cut = windows(loaded, size, overlap=overlap)
            path = work / "passkey" / f"windows {size} {overlap}-{task.name}-{len(truth)}"
            rows = kept(
                path.with_suffix(".rows.npy"),
                lambda c=cut, t=task: c.encode_windows(t.documents)[0],
            )
            owners = kept(
                path.with_suffix(".owners.npy"), lambda c=cut, t=task: owners_of(c, t.documents)
            )
            starts = np.flatnonzero(np.diff(owners, prepend=-1))
            name = f"windows {size}/{overlap}"
            means = unit(np.add.reduceat(rows, starts, axis=0))
            note(f"{name}, mean", queries @ means.T)
            note(f"{name}, mean, centred", queries @ unit(means - means.mean(axis=0)).T)
            novel = weighted_means(rows, novelties(rows, owners), owners, len(starts))
            note(f"{name}, novelty", queries @ novel.T)
            note(f"{name}, novelty, centred", queries @ unit(novel - novel.mean(axis=0)).T)
            note(f"{name}, max-sim", np.maximum.reduceat(queries @ rows.T, starts, axis=1))
    for kind in ("tokens", "words"):
        lengths = [task.name for task in everything if task.name.endswith(kind)]
        title = f"passkey, Acc@1, {kind}; {most} documents of each length"
        table = Table("method", *(name.split()[0] for name in lengths), title=title)
        for name, row in found.items():
            table.add_row(name, *(f"{row[length]:.2f}" for length in lengths))
        console.print(table)
    return found


def novelties(rows: Vectors, owners: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    """Weights of all windows, text by text."""
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    return np.concatenate([novelty(some) for some in np.split(rows, starts[1:])])


def owners_of(cut: object, documents: Sequence[str]) -> npt.NDArray[np.intp]:
    """Which document each window is of, without encoding a second time."""
    parts = [len(cut._parts(text)) for text in documents]  # type: ignore[attr-defined]
    return np.repeat(np.arange(len(parts)), parts)


def documents(data: Path, work: Path, console: Console) -> dict[str, list[float]]:
    """nDCG@10 on qmsum_docs."""
    collection = ev.read_collection(data / "qmsum_docs")
    path = work / "qmsum_docs-200"
    index = Index.open(path) if path.exists() else Index.create(path)
    index.add(collection.documents)
    hybrid = index.retriever
    dense = replace(hybrid, legs=(DenseLeg("dense", index.space),), weights={"dense": 1.0})
    lexical = replace(hybrid, legs=(LexicalLeg(),), weights={"lexical": 1.0})
    systems: dict[str, Retriever] = {}
    for name, retriever in {"dense": dense, "BM25 on chunks": lexical, "hybrid": hybrid}.items():
        for take in TAKE:
            systems[f"{name}, best {take}"] = BestChunks(retriever, take)
    ids = list(collection.judged)
    queries = [Query(collection.queries[id], k=10) for id in ids]
    whole = Index.in_memory(encoder=HashEncoder(8), chunk_tokens=None, situate="isolated")
    whole.add(collection.documents)
    systems["BM25 on whole documents"] = replace(
        whole.retriever, legs=(LexicalLeg(),), weights={"lexical": 1.0}
    )
    scores = {
        name: np.array(
            [
                ndcg([hit.chunk.doc_id for hit in hits], dict(collection.qrels[id]), 10)
                for id, hits in zip(ids, system.retrieve(queries), strict=True)
            ]
        )
        for name, system in systems.items()
    }
    scores |= one_vector(collection, index, ids)
    train_ids = set(ev.split_by_document(collection)[0].judged)
    train = np.array([id in train_ids for id in ids])
    table = Table(
        "system", "choosing half", "other half", "all", "95 %", title="qmsum_docs, nDCG@10"
    )
    rows = {}
    for name, row in scores.items():
        mean = bootstrap([row])
        rows[name] = [float(row[train].mean()), float(row[~train].mean()), mean.value]
        table.add_row(
            name, *(f"{value:.3f}" for value in rows[name]), f"{mean.low:.3f} to {mean.high:.3f}"
        )
    console.print(table)
    base = scores["BM25 on whole documents"]
    for family in ("dense", "hybrid"):
        options = [name for name in systems if name.startswith(family)]
        name = max(options, key=lambda one: rows[one][0])
        for where, some in (("other half", ~train), ("all", np.ones(len(train), bool))):
            gain = paired_bootstrap(scores[name][some], base[some])
            console.print(
                f"chosen {name!r}, {where}: {scores[name][some].mean():.3f}, against BM25 on whole "
                f"documents {gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f})"
            )
    return rows


def one_vector(
    collection: ev.Collection, index: Index, ids: Sequence[str]
) -> dict[str, npt.NDArray[np.float64]]:
    """A meeting as its first chunk, the mean of its chunks, and the same centred."""
    view = index.store.view()
    first, means, novel = [], [], []
    for document in collection.documents:
        chunks = [chunk.id for chunk in view.document_chunks(document.id)]
        rows = view.vectors("dense", chunks)
        first.append(rows[0])
        means.append(rows.mean(axis=0))
        novel.append(novelty(rows) @ rows)
    mean = unit(np.array(means))
    queries = index.space.encode_query([collection.queries[id] for id in ids])
    names = [document.id for document in collection.documents]
    found = {}
    for name, rows in {
        "one vector: first chunk": np.array(first),
        "one vector: mean of chunks": mean,
        "one vector: mean, centred": unit(mean - mean.mean(axis=0)),
        "one vector: novelty": unit(np.array(novel)),
    }.items():
        ranked = np.argsort(-(queries @ rows.T), axis=1, kind="stable")[:, :10]
        found[name] = np.array(
            [
                ndcg([names[i] for i in row], dict(collection.qrels[id]), 10)
                for id, row in zip(ids, ranked.tolist(), strict=True)
            ]
        )
    return found


def costs(console: Console, lengths: Sequence[int]) -> dict[str, list[list[float]]]:
    """Each method and length in a new process, so that memory is its own."""
    found: dict[str, list[list[float]]] = {}
    for name in ("cut off", "recurrent", "interpolated", "recurrent log-n", "windows"):
        for length in lengths:
            command = [sys.executable, __file__, "--cost", name, str(length), "--data", "."]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            found.setdefault(name, []).append(json.loads(done.stdout))
    table = Table("method", *map(str, lengths), title="seconds (MB beyond the model) per document")
    for name, row in found.items():
        table.add_row(name, *(f"{seconds:.2f} ({mb:.0f})" for seconds, mb in row))
    console.print(table)
    return found


def cost(name: str, length: int) -> list[float]:
    """Seconds and peak megabytes of one text; two are encoded, the second counts."""
    from rag_embed.encoders import SentenceEncoder
    from rag_embed.longcontext import windows

    encoder: Encoder = (
        windows(SentenceEncoder(device="cpu"), 200) if name == "windows" else single(name, "cpu")
    )
    encoder.encode_document(["a short text"])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    times = []
    for one in passkeys(length, 2, seed=2):
        began = time.perf_counter()
        encoder.encode_document([one.text])
        times.append(time.perf_counter() - began)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return [times[1], (after - before) / 1024]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, help="keep vectors and indexes here")
    parser.add_argument("--parts", nargs="+", default=["passkey", "documents", "costs"])
    parser.add_argument("--methods", nargs="*", default=list(SINGLE), help="of single vectors")
    parser.add_argument("--most", type=int, default=20, help="documents of each generated length")
    parser.add_argument("--longest", type=int, default=4096, help="longest documents of passkey")
    parser.add_argument("--lengths", nargs="+", type=int, default=list(COSTS), help="of costs")
    parser.add_argument("--out", type=Path, default=Path("results/long_context.json"))
    parser.add_argument("--cost", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.cost:
        print(json.dumps(cost(arguments.cost[0], int(arguments.cost[1]))))
        return
    console = Console(width=140)
    figures: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as scratch:
        work = arguments.work or Path(scratch)
        if "passkey" in arguments.parts:
            figures["passkey"] = passkey(
                arguments.data,
                work,
                console,
                arguments.most,
                arguments.methods,
                arguments.longest,
            )
        if "documents" in arguments.parts:
            figures["documents"] = documents(arguments.data, work, console)
        if "costs" in arguments.parts:
            figures["costs"] = costs(console, arguments.lengths)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
