"""Every way to put a chunk into its document, side by side, and what it costs to index.

*Ways*: nDCG@10 and R@20 with the chunks that the sets give; ``anthropic_docs`` are pages with their sections as
chunks, the end of the address as the page's title. *Controls*: short entries, nothing to situate.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.common import AVERAGE, Bench, Row, Suite, gain, turns
from benchmarks.peers import dsrag
from benchmarks.records import Table
from rag_embed import Chunk, Document, Index, Query, encoders
from rag_embed import evaluation as ev
from rag_embed.maths.metrics import Metric
from rag_embed.protocols import ChunkEncoder
from rag_embed.ranking.hybrid import Hybrid
from rag_embed.ranking.legs import DenseLeg, LexicalLeg
from rag_embed.ranking.relevance import BASIS, default
from rag_embed.situated.composed import encoded
from rag_embed.situated.expressions import FULL, STANDARD, situated
from rag_embed.situated.space import written
from rag_embed.stores.memory import MemoryStore
from rag_embed.training.sources import read_chunk_set
from rag_embed.types import DENSE, ChunkRows, Cut, Vectors

SETS = ("policyqa_ctx", "squad_ctx", "anthropic_docs", "chroma_chunks")
CONTROLS = ("cosqa", "cranfield")
SAFE, NAMED = "headed(isolated,1)", "headed(titled,1.5)"
WAYS = (
    *("titled", "isolated", "late", "late(titled)", dsrag.NAME, "summary", "titled+0.5*late"),
    *("isolated+0.5*heading(isolated)", SAFE, NAMED),
    *("isolated+0.75*heading(isolated)+0.25*late(titled)", STANDARD, FULL),
)
FEW = ("titled", "isolated", SAFE, NAMED, STANDARD, FULL)
KINDS = {"dense alone": {DENSE: 1.0}, "dense and lexical": BASIS}
METRICS = (Metric.parse("ndcg@10"), Metric.parse("recall@20"))
ARTICLES = 4
"""Of ``squad_ctx``, indexed to see what it costs."""


def cuts_of(bench: Bench, collection: ev.Collection) -> tuple[list[Cut], dict[str, str]]:
    """Documents with their chunks, and the id in the collection by id of the chunk."""
    if (bench.data / collection.name / "documents.jsonl").exists():
        cuts, _ = read_chunk_set(bench.data / collection.name)
        return cuts, {chunk.id: chunk.id for _, some in cuts for chunk in some}
    pages: dict[str, list[Document]] = {}
    for one in collection.documents:
        pages.setdefault(str(one.metadata.get("doc_id", one.id)), []).append(one)
    cuts, ids = [], {}
    for id, sections in pages.items():
        whole = len(sections) == 1 and sections[0].id == id
        page = sections[0] if whole else _page(id, sections)
        at, chunks = 0, []
        for i, one in enumerate(sections):
            headings = () if whole else (one.title,)
            end = at + len(one.text)
            chunks.append(Chunk.of(page, at, end, ordinal=i, headings=headings))
            ids[chunks[-1].id] = one.id
            at = end + 2
        cuts.append(Cut(page, chunks))
    return cuts, ids


def _page(id: str, sections: Sequence[Document]) -> Document:
    title = id.rstrip("/").rsplit("/", 1)[-1].replace("-", " ")
    return Document(id, "\n\n".join(one.text for one in sections), title)


@dataclass(frozen=True, eq=False)
class Case:
    """A set, measured by way to situate; vectors are kept."""

    bench: Bench
    collection: ev.Collection
    done: dict[ChunkEncoder, Vectors] = field(default_factory=dict)

    def kept(self, name: str, make: Callable[[], Vectors]) -> Vectors:
        file = f"situated/{self.collection.name}-{name.replace(' ', '-')}"
        return self.bench.kept(file, make)

    @cached_property
    def cuts(self) -> tuple[list[Cut], dict[str, str]]:
        return cuts_of(self.bench, self.collection)

    def encode_query(self, texts: Sequence[str], /) -> Vectors:
        """All ways ask in the same way."""
        return self.kept("queries", lambda: encoders.load().encode_query(texts))

    def scores(self, way: str) -> dict[str, list[Row]]:
        """nDCG@10 and R@20 of every query, by kind of evidence."""
        cuts, names = self.cuts
        space = _space(way)
        rows = self.kept(way, lambda: encoded(space, cuts, self.done))
        store = MemoryStore({DENSE: rows.shape[1]})
        chunks = [chunk for _, some in cuts for chunk in some]
        documents = [(document, "") for document, _ in cuts]
        store.replace(documents, ChunkRows(chunks, {DENSE: rows}, lexical=written(space, cuts)))
        asked = [Query(self.collection.queries[id], k=20) for id in self.collection.judged]
        judged = [self.collection.qrels[id] for id in self.collection.judged]
        legs, curve, found = (DenseLeg(DENSE, self), LexicalLeg()), default("", BASIS), {}
        for kind, weights in KINDS.items():
            several = Hybrid(store, legs, weights, curve).retrieve(asked)
            pairs = [
                ([names[h.id] for h in hits], j) for hits, j in zip(several, judged, strict=True)
            ]
            found[kind] = [np.array([metric(one, j) for one, j in pairs]) for metric in METRICS]
        return found


def _space(way: str) -> ChunkEncoder:
    return (dsrag.space if way == dsrag.NAME else partial(situated, way))(encoders.load())


def compared(bench: Bench, names: Sequence[str], some: Sequence[str]) -> Iterator[Table]:
    scores: dict[str, list[dict[str, list[Row]]]] = {way: [] for way in some}
    for name in names:
        case = Case(bench, bench.collection(name))
        for way in some:
            scores[way].append(case.scores(way))
        bench.say(f"{name}: done")
    for kind in KINDS:
        base = [one[kind][0] for one in scores[some[0]]]
        rows: list[list[Any]] = []
        for way, found in scores.items():
            means = [[row.mean() for row in one[kind]] for one in found]
            cells: list[Any] = [[a, "/", b] for a, b in [*means, np.mean(means, axis=0)]]
            against = gain([(one[kind][0], b) for one, b in zip(found, base, strict=True)])
            rows.append([way, *cells, None if way == some[0] else against])
        columns = {"way": "", **dict.fromkeys([*names, AVERAGE], ".4f"), f"less {some[0]}": "+.4f"}
        yield Table(f"{kind}, nDCG@10 / R@20", columns, rows)


def ways(bench: Bench) -> Iterator[Table]:
    yield from compared(bench, bench.sets, bench.options.ways)


def controls(bench: Bench) -> Iterator[Table]:
    yield from compared(bench, CONTROLS, FEW)


def costs(bench: Bench) -> Iterator[Table]:
    cuts, _ = read_chunk_set(bench.data / "squad_ctx")
    documents = [document for document, _ in cuts[:ARTICLES]]
    with TemporaryDirectory() as scratch:

        def index(number: int, turn: int) -> None:
            path = Path(scratch, f"{turn}-{number}")
            Index.create(path, situate=FEW[number], tokens=False).add(documents)

        _, spent = turns({way: partial(index, i) for i, way in enumerate(FEW)}, range(3), warm=0)
    medians = {way: statistics.median(some) for way, some in spent.items()}
    rows = [[way, value, value / medians["isolated"]] for way, value in medians.items()]
    yield Table(f"{ARTICLES} articles", {"way": "", "s": ".2f", "of isolated": ".2f"}, rows)


SUITE = Suite(
    {"ways": ways, "controls": controls, "costs": costs},
    sets=SETS,
    options={
        "--ways": {"nargs": "+", "default": [*WAYS], "help": "what is compared, with the first"}
    },
)
