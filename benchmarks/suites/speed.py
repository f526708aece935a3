"""Text in, hits out: seconds and processor time of a search beside other retrievers, and what it is made of.

Chunks are texts of public sets; beyond ``--encoded`` of them, sentences of several are mixed and vectors moved
within the directions in which the corpus spreads. All systems encode queries by the same encoder; with
``--stock`` the others by sentence-transformers as it is. *Search*: one caller, all systems taking turns over
the same questions. *Callers*: several at once. *Floors*: the parts of a search done by hand.
*Shell*: a command from its start to its end, once its modules are compiled.
"""

from __future__ import annotations

import random
import re
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from lancedb.query import MatchQuery

from benchmarks.common import Bench, Suite, turns
from benchmarks.peers.search import PEERS, QUICK, Corpus, K, Search, systems
from benchmarks.peers.search.lancedb import with_words
from benchmarks.records import Table
from benchmarks.suites._speed_shell import shell
from rag_embed import Chunk, Document, Index, Query
from rag_embed.maths.vectors import unit
from rag_embed.types import DENSE, ChunkRows, TokenBits

SETS = ("scifact", "squad_ctx", "policyqa_ctx", "cosqa", "anthropic_docs", "cacm")
OURS = "rag_embed"
MANY = 20_000
"""Chunks above which only the ``--many-peers`` are asked."""

ENCODED, NUMPY, BM25S = FLOOR = ("the query encoded", "numpy, 100 nearest", "bm25s, 100")
"""What no search for meaning and words can do without, done by hand."""

SPREAD = 0.6
"""How far a vector is moved, as a share of how far the corpus spreads."""

_SENTENCE = re.compile(r"(?<=[.!?])\s+")


class Texts:
    """Chunks of any number, made of those of the public sets; what is encoded is kept between runs."""

    def __init__(self, bench: Bench) -> None:
        self.random = random.Random(0)
        documents = [
            Document(f"{one.name}/{d.id}", d.text, d.title)
            for one in bench.collections
            for d in one.documents
        ]
        self.random.shuffle(documents)
        source = Index.at(bench.work / "speed" / "source", tokens=True)
        source.add(documents[: bench.options.encoded])
        self.encoder = source.spaces.own
        view = source.store.view()
        ids = view.passing(None)
        self.texts = [chunk.text for chunk in view.chunks(ids)]
        self.vectors, self.tokens = view.vectors(DENSE, ids), view.tokens(DENSE, ids)
        asked = [c.queries[id] for c in bench.collections for id in c.judged]
        count = bench.options.warm + bench.options.queries
        self.queries = self.random.sample(asked, min(len(asked), count))
        self.stock = bench.options.stock

    def of(self, count: int) -> tuple[Corpus, list[TokenBits]]:
        """So many chunks, and the tokens that are kept of each."""
        rng = np.random.default_rng(0)
        centred = self.vectors - self.vectors.mean(axis=0)
        sentences = [_SENTENCE.split(text) for text in self.texts]
        pool = [one for some in sentences for one in some]
        texts: dict[str, int] = {}
        for number in range(count):
            at = number % len(self.texts)
            text = self.texts[at]
            if number >= len(self.texts):
                others = [self.random.choice(pool) for _ in sentences[at]]
                pairs = zip(sentences[at], others, strict=True)
                text = " ".join(map(self.random.choice, pairs))
            while text in texts:
                text = f"{text} {self.random.choice(pool)}"
            texts[text] = at
        sources = np.array([*texts.values()])
        moved = rng.standard_normal((count, len(centred)), np.float32) @ centred
        moved *= SPREAD / np.sqrt(len(centred))
        moved[: len(self.texts)] = 0.0
        rows = unit(self.vectors[sources] + moved)
        return Corpus([*texts], rows, self.stock), [self.tokens[at] for at in sources]


def filled(corpus: Corpus, tokens: list[TokenBits], folder: Path) -> Index:
    """The default index of these chunks, kept for the next part and run."""
    if folder.exists():
        return Index.open(folder)
    draft = folder.with_suffix(".draft")
    rmtree(draft, ignore_errors=True)
    index = Index.create(draft, tokens=True)
    for start in range(0, len(corpus.texts), 1000):
        part = slice(start, start + 1000)
        documents = [
            Document(id, text)
            for id, text in zip(corpus.ids[part], corpus.texts[part], strict=True)
        ]
        chunks = [Chunk.of(one, 0, len(one.text)) for one in documents]
        rows = ChunkRows(chunks, {DENSE: corpus.vectors[part]}, {DENSE: tokens[part]})
        index.store.replace([(one, "hash") for one in documents], rows)
    index.store.optimize()
    draft.rename(folder)
    return Index.open(folder)


def ways(
    bench: Bench, corpus: Corpus, index: Index, folder: Path
) -> tuple[dict[str, Search], dict[str, str]]:
    """All systems, ours first; and the versions of the others."""
    found: dict[str, Search] = {
        OURS: partial(index.search, k=K),
        f"{OURS}, dense leg": partial(_alone, index, DENSE),
    }
    versions: dict[str, str] = {}
    few = len(corpus.texts) <= MANY
    for name in bench.options.peers if few else bench.options.many_peers:
        try:
            some, known = systems(name, corpus, folder)
        except ImportError as error:
            bench.say(f"left out: {name} ({error})")
            continue
        found.update(some)
        versions.update(known)
    return found, versions


def _alone(index: Index, leg: str, text: str) -> Any:
    return index.experts.hybrid().alone(leg).retrieve([Query(text, K)])


def metered(search: Search) -> Callable[[str], float]:
    """Processor seconds of a search, of all threads."""

    def one(text: str) -> float:
        began = time.process_time()
        search(text)
        return time.process_time() - began

    return one


def each(bench: Bench) -> Iterator[tuple[int, Corpus, Index, Path, list[str]]]:
    """The corpora by size, with the default index of each and the questions."""
    texts = Texts(bench)
    for size in bench.options.sizes:
        corpus, tokens = texts.of(size)
        kept = bench.work / "speed" / f"{size} of {bench.options.encoded} {' '.join(bench.sets)}"
        with TemporaryDirectory() as scratch:
            yield size, corpus, filled(corpus, tokens, kept), Path(scratch), texts.queries


def timed(bench: Bench, all_: Mapping[str, Search], queries: list[str]) -> dict[str, list[float]]:
    """Median and 95 % of milliseconds, and median of processor milliseconds."""
    warm = min(bench.options.warm, len(queries) // 2)
    cpu, spent = turns({name: metered(one) for name, one in all_.items()}, queries, warm=warm)
    return {
        name: [
            1000 * statistics.median(spent[name]),
            1000 * float(np.quantile(spent[name], 0.95)),
            1000 * statistics.median(cpu[name][warm:]),
        ]
        for name in all_
    }


def search(bench: Bench) -> Iterator[Table]:
    rows: list[list[Any]] = []
    versions: dict[str, str] = {}
    for size, corpus, index, folder, queries in each(bench):
        all_, known = ways(bench, corpus, index, folder)
        versions |= known
        found = timed(bench, all_, queries)
        for name, (p50, p95, cpu) in found.items():
            ours = found[OURS]
            rows.append([name, size, p50, p95, cpu, p50 / ours[0], cpu / ours[2]])
        bench.say(f"{size} chunks: done")
    columns = {"system": "", "chunks": ",d", "p50, ms": ".1f", "p95, ms": ".1f", "CPU, ms": ".1f"}
    columns |= {"p50, times ours": ".2f", "CPU, times ours": ".2f"}
    yield Table("one caller", columns, rows)
    if versions:
        yield Table("versions", {"package": "", "version": ""}, [*map(list, versions.items())])


def callers(bench: Bench) -> Iterator[Table]:
    rows = []
    for size, corpus, index, folder, queries in each(bench):
        all_, _ = ways(bench, corpus, index, folder)
        for count in bench.options.callers:
            with ThreadPoolExecutor(count) as pool:
                asked = partial(_together, pool, queries)
                cpu, spent = turns(
                    {name: partial(asked, one) for name, one in all_.items()}, range(4), warm=1
                )
            rates = {name: len(queries) / statistics.median(spent[name]) for name in all_}
            for name, rate in rates.items():
                ms = 1000 * statistics.median(cpu[name][1:]) / len(queries)
                rows.append([name, size, count, rate, ms, rates[OURS] / rate])
            bench.say(f"{size} chunks, {count} callers: done")
    columns = {"system": "", "chunks": ",d", "callers": "d", "searches/s": ".0f"}
    columns |= {"CPU, ms": ".1f", "ours, times as many": ".2f"}
    yield Table("several callers", columns, rows)


def _together(pool: ThreadPoolExecutor, queries: list[str], one: Search, _: int) -> float:
    """Processor seconds of all questions, asked by as many callers as the pool has threads."""
    began = time.process_time()
    list(pool.map(one, queries))
    return time.process_time() - began


def floors(bench: Bench) -> Iterator[Table]:
    rows, over = [], []
    for size, corpus, index, folder, queries in each(bench):
        all_: dict[str, Search] = {OURS: partial(index.search, k=K)}
        all_ |= by_hand(bench, replace(corpus, stock=False), folder)
        found = timed(bench, all_, queries)
        rows += [[name, size, *numbers] for name, numbers in found.items()]
        if found.keys() >= set(FLOOR):
            least, ours = sum(found[name][2] for name in FLOOR), found[OURS][2]
            over.append([size, ours, least, ours / least])
        bench.say(f"{size} chunks: done")
    columns = {"part": "", "chunks": ",d", "p50, ms": ".2f", "p95, ms": ".2f", "CPU, ms": ".2f"}
    yield Table("floors", columns, rows)
    if over:
        columns = {
            "chunks": ",d",
            f"{OURS}, CPU ms": ".2f",
            " + ".join(FLOOR): ".2f",
            "times": ".2f",
        }
        yield Table("overhead", columns, over)


def by_hand(bench: Bench, corpus: Corpus, folder: Path) -> dict[str, Search]:
    """The parts of a search, as bare as they can be."""
    row, some = corpus.vectors[0], ", ".join(map(repr, corpus.ids[:K]))
    table = with_words(corpus, folder)

    some_best = min(100, len(corpus.texts))

    def scan(_: str) -> Any:
        scores = corpus.vectors @ row
        return np.argpartition(scores, -some_best)[-some_best:]

    parts: dict[str, Search] = {
        ENCODED: corpus.query,
        NUMPY: scan,
        "LanceDB, 100 nearest": lambda _: (
            table.search(row).distance_type("dot").limit(100).select(["id", "_distance"]).to_arrow()
        ),
        "LanceDB, full text, 100": lambda text: (
            table.search(MatchQuery(text, "text")).limit(100).select(["id", "_score"]).to_arrow()
        ),
        "LanceDB, ten chunks by id": lambda _: table.search().where(f"id IN ({some})").to_arrow(),
    }
    try:
        import bm25s
    except ImportError as error:
        bench.say(f"left out: bm25s ({error})")
    else:
        words = bm25s.BM25()
        words.index(bm25s.tokenize(list(corpus.texts), show_progress=False), show_progress=False)
        parts[BM25S] = lambda text: words.retrieve(
            bm25s.tokenize(text, show_progress=False), k=some_best, show_progress=False
        )
    return parts


SUITE = Suite(
    {"search": search, "callers": callers, "floors": floors, "shell": shell},
    sets=SETS,
    options={
        "--sizes": {
            "nargs": "+",
            "type": int,
            "default": [1000, 10_000, 100_000],
            "help": "chunks",
        },
        "--callers": {"nargs": "+", "type": int, "default": [4, 16], "help": "at once"},
        "--queries": {"type": int, "default": 100, "help": "questions that are timed"},
        "--warm": {"type": int, "default": 60, "help": "questions asked before them"},
        "--encoded": {"type": int, "default": 2000, "help": "documents that are truly encoded"},
        "--peers": {"nargs": "*", "choices": PEERS, "default": [*PEERS], "help": "beside ours"},
        "--many-peers": {
            "nargs": "*",
            "choices": PEERS,
            "default": [*QUICK],
            "help": f"those that are asked where there are more than {MANY:,} chunks",
        },
        "--stock": {
            "action": "store_true",
            "help": "peers encode by sentence-transformers as it is",
        },
    },
)
