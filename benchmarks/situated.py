"""Situated chunks: every way to put a chunk into its document, side by side.

    python benchmarks/situated.py --data DATA [--work DIR] [--out results/situated.json]

*Quality*: nDCG@10 and R@20 on the chunk sets, with the chunks that the sets give, for dense evidence
alone and for the full hybrid; ``anthropic_docs`` are pages with their sections as chunks, each under
its heading, and the end of the address as the page's title. *Weights*: that of the standard is chosen
on one half of each set's queries, the best average among those that lose ``squad_ctx`` at most .005 to
the chunk alone, and reported on the other half; the halves share no document. *Controls*: short
entries, where there is nothing to situate. *Cost*: seconds to index ``squad_ctx``, taking turns, as a
ratio to the chunk alone.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from fusion import training_half
from rich.console import Console
from rich.table import Table

from rag_embed import Chunk, Document, encoders
from rag_embed import evaluation as ev
from rag_embed.chunking import TokenSplitter
from rag_embed.ingest import Ingest
from rag_embed.maths.metrics import ndcg, recall
from rag_embed.maths.resampling import stratified_paired_bootstrap
from rag_embed.maths.vectors import unit
from rag_embed.protocols import ChunkEncoder, Encoder
from rag_embed.ranking.hybrid import Hybrid
from rag_embed.ranking.legs import DenseLeg, LexicalLeg
from rag_embed.ranking.relevance import default
from rag_embed.situated.described import described
from rag_embed.situated.lexical import written
from rag_embed.situated.names import FULL, STANDARD, situated
from rag_embed.situated.residual import Groups, encoded
from rag_embed.situated.summary import summarise
from rag_embed.stores.lance import LanceStore
from rag_embed.stores.memory import MemoryStore
from rag_embed.types import Query, Vectors

SETS = ["policyqa_ctx", "squad_ctx", "anthropic_docs", "chroma_chunks"]
CONTROLS = ["cosqa", "cranfield"]
DSRAG = "dsrag header"
SINGLE = ["isolated", "titled", "late", "late(titled)", DSRAG]
METHODS = [
    *SINGLE,
    "summary",
    "titled+0.5*late",
    "isolated+0.6*heading(isolated)",
    "isolated+0.75*heading(isolated)+0.25*late(titled)",
    STANDARD,
    FULL,
]
WEIGHTS = (0.125, 0.25, 0.375, 0.5, 0.75)
Row = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """A set with its documents, chunks and queries."""

    name: str
    groups: Groups
    ids: dict[str, str]
    queries: list[Query]
    judged: list[dict[str, int]]
    train: npt.NDArray[np.bool_]


def case(data: Path, name: str) -> Case:
    collection = ev.read_collection(data / name)
    pages = _pages(data / name, collection)
    groups: list[tuple[Document, list[Chunk]]] = []
    ids = {}
    for document, entries in pages:
        chunks = [
            Chunk.of(document, start, end, ordinal=i, headings=headings)
            for i, (_, start, end, headings) in enumerate(entries)
        ]
        ids |= {chunk.id: entry[0] for chunk, entry in zip(chunks, entries, strict=True)}
        groups.append((document, chunks))
    half = training_half(collection)
    return Case(
        name,
        groups,
        ids,
        [Query(collection.queries[id], k=20) for id in collection.judged],
        [dict(collection.qrels[id]) for id in collection.judged],
        np.array([id in half for id in collection.judged]),
    )


Entry = tuple[str, int, int, tuple[str, ...]]


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


def header(document: Document, chunk: Chunk) -> str:
    """What dsRAG puts before a chunk, its summary picked instead of written by a language model."""
    about = f"Document context: the following excerpt is from a document titled '{document.title}'."
    about += f" {summarise(document.text, 2)}"
    if chunk.headings:
        about += (
            f"\n\nSection context: this excerpt is from the section titled '{chunk.headings[-1]}'."
        )
    return about


def space_of(name: str, encoder: Encoder) -> ChunkEncoder:
    if name == DSRAG:
        return described(header, name=DSRAG)(encoder)
    return situated(name, encoder)


@dataclass(frozen=True)
class Scores:
    """Per query."""

    ndcg: Row
    recall: Row


def measured(one: Case, space: ChunkEncoder, rows: Vectors, lexical: bool) -> Scores:
    store = MemoryStore({"dense": rows.shape[1]})
    chunks = [chunk for _, some in one.groups for chunk in some]
    documents = [(document, "-") for document, _ in one.groups]
    store.replace(documents, chunks, {"dense": rows}, None, written(space, one.groups))
    legs = (DenseLeg("dense", space), LexicalLeg())[: 1 + lexical]
    weights = {"dense": 0.5, "lexical": 0.5}
    retriever = Hybrid(store, legs, weights, default(space.signature.weights))
    found = retriever.retrieve(one.queries)
    rankings = [[one.ids[hit.id] for hit in hits] for hits in found]
    pairs = list(zip(rankings, one.judged, strict=True))
    return Scores(
        np.array([ndcg(r[:10], j, 10) for r, j in pairs]),
        np.array([recall(r, j, 20) for r, j in pairs]),
    )


class Rows:
    """Vectors of one set by method, kept on disk between runs."""

    def __init__(self, one: Case, encoder: Encoder, work: Path) -> None:
        self.one, self.encoder = one, encoder
        self.file = work / f"{one.name}.npz"
        self.known = dict(np.load(self.file)) if self.file.exists() else {}
        self.done: dict[ChunkEncoder, Vectors] = {}

    def of(self, name: str) -> tuple[ChunkEncoder, Vectors]:
        space = space_of(name, self.encoder)
        if name not in self.known:
            self.known[name] = encoded(space, self.one.groups, self.done)
            np.savez(self.file, **self.known)
        return space, self.known[name]


def quality(
    cases: Sequence[Case], rows: Sequence[Rows], names: Sequence[str], console: Console, title: str
) -> dict[str, object]:
    figures: dict[str, object] = {}
    for lexical in (False, True):
        scores = {
            name: [
                measured(one, *some.of(name), lexical)
                for one, some in zip(cases, rows, strict=True)
            ]
            for name in names
        }
        best = max(
            (n for n in names if n in SINGLE),
            key=lambda n: np.mean([s.ndcg.mean() for s in scores[n]]),
        )
        kind = "dense and lexical" if lexical else "dense alone"
        table = Table(
            "nDCG@10 / R@20",
            *(one.name for one in cases),
            "average",
            f"less {best}",
            title=f"{title}: {kind}",
        )
        for name, some in scores.items():
            gain = stratified_paired_bootstrap(
                [(a.ndcg, b.ndcg) for a, b in zip(some, scores[best], strict=True)]
            )
            cells = [f"{s.ndcg.mean():.4f} / {s.recall.mean():.3f}" for s in some]
            means = np.mean([s.ndcg.mean() for s in some]), np.mean([s.recall.mean() for s in some])
            label = {STANDARD: f"[bold]{name}[/] (standard)", FULL: f"{name} (full)"}.get(
                name, name
            )
            table.add_row(
                label,
                *cells,
                f"{means[0]:.4f} / {means[1]:.3f}",
                f"{gain.value:+.4f} ({gain.low:+.4f} to {gain.high:+.4f})",
            )
            figures[f"{kind}: {name}"] = {
                "ndcg": [float(s.ndcg.mean()) for s in some],
                "recall": [float(s.recall.mean()) for s in some],
                "gain": asdict(gain),
                "over": best,
            }
        console.print(table)
    return figures


def weights(cases: Sequence[Case], rows: Sequence[Rows], console: Console) -> dict[str, object]:
    """The weight of the heading: chosen on one half, reported on the other."""
    table = Table(
        "weight",
        "chosen on",
        "squad there",
        "reported on",
        "with lexical",
        title="titled + weight * heading(titled), nDCG@10",
    )
    squad = [one.name for one in cases].index("squad_ctx")
    halves = [one.train for one in cases]
    found: dict[float, list[list[float]]] = {}
    reported: dict[float, list[Row]] = {}
    for weight in (0.0, *WEIGHTS):
        dense, hybrid = [], []
        for one, some in zip(cases, rows, strict=True):
            space, plain = some.of("titled")
            mixed = unit(plain + weight * some.of("heading(titled)")[1])
            dense.append(measured(one, space, mixed, False).ndcg)
            hybrid.append(measured(one, space, mixed, True).ndcg)
        reported[weight] = [s[~h] for s, h in zip(dense, halves, strict=True)]
        found[weight] = [
            [float(s[h].mean()) for s, h in zip(dense, halves, strict=True)],
            [float(s[~h].mean()) for s, h in zip(dense, halves, strict=True)],
            [float(s[~h].mean()) for s, h in zip(hybrid, halves, strict=True)],
        ]
    alone = measured(cases[squad], *rows[squad].of("isolated"), False).ndcg
    least = float(alone[halves[squad]].mean()) - 0.005
    safe = [weight for weight in WEIGHTS if found[weight][0][squad] >= least]
    chosen = max(safe, key=lambda w: np.mean(found[w][0]))
    for weight, (first, second, lexical) in found.items():
        mark = " <- chosen" if weight == chosen else ""
        table.add_row(
            f"{weight:g}",
            f"{np.mean(first):.4f}{mark}",
            f"{first[squad]:.4f}",
            f"{np.mean(second):.4f}",
            f"{np.mean(lexical):.4f}",
        )
    console.print(table)
    titled = [
        measured(one, *some.of("titled"), False).ndcg[~h]
        for one, some, h in zip(cases, rows, halves, strict=True)
    ]
    gain = stratified_paired_bootstrap(list(zip(reported[chosen], titled, strict=True)))
    console.print(
        f"chosen {chosen:g}: on the other half {gain.value:+.4f} "
        f"({gain.low:+.4f} to {gain.high:+.4f}) against titled"
    )
    return {"chosen": chosen, "gain": asdict(gain), "halves": {str(w): v for w, v in found.items()}}


def costs(data: Path, console: Console, encoder: Encoder, repeats: int) -> dict[str, float]:
    """Seconds for the whole of indexing: cutting, encoding, writing."""
    documents = [document for document, _ in case(data, "squad_ctx").groups]
    splitter = TokenSplitter(encoder, 200, 0)
    names = ["isolated", "titled", STANDARD, "titled+0.25*mean(titled)", FULL]
    spent: dict[str, list[float]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as scratch:
        for turn in range(repeats):
            for name in names if turn % 2 else names[::-1]:
                space = situated(name, encoder)
                store = LanceStore.create(
                    Path(scratch, f"{turn}-{names.index(name)}"), {"dense": space.signature.dim}
                )
                start = time.perf_counter()
                Ingest(store, splitter, {"dense": space}).add(documents)
                store.optimize()
                spent[name].append(time.perf_counter() - start)
    seconds = {name: statistics.median(some) for name, some in spent.items()}
    table = Table("way", "seconds", "of isolated", title="indexing squad_ctx, medians")
    for name, value in seconds.items():
        table.add_row(name, f"{value:.2f}", f"{value / seconds['isolated']:.2f}x")
    console.print(table)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--parts", nargs="+", default=["quality", "weights", "controls", "costs"])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("results/situated.json"))
    parser.add_argument("--work", type=Path, help="keep the vectors here")
    arguments = parser.parse_args()
    console = Console(width=170)
    encoder = encoders.load()
    figures: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as scratch:
        work = arguments.work or Path(scratch)
        work.mkdir(parents=True, exist_ok=True)
        cases = [case(arguments.data, name) for name in arguments.sets]
        rows = [Rows(one, encoder, work) for one in cases]
        if "quality" in arguments.parts:
            figures["quality"] = quality(cases, rows, METHODS, console, "chunks in documents")
        if "weights" in arguments.parts:
            figures["weights"] = weights(cases, rows, console)
        if "controls" in arguments.parts:
            others = [case(arguments.data, name) for name in CONTROLS]
            kept = [Rows(one, encoder, work) for one in others]
            names = ["isolated", "titled", STANDARD, FULL]
            figures["controls"] = quality(others, kept, names, console, "short entries")
        if "costs" in arguments.parts:
            figures["costs"] = costs(arguments.data, console, encoder, arguments.repeats)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
