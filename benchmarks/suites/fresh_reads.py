"""What the next search costs after one document was added, beside a search when nothing changed.

Vectors are random, of low intrinsic dimension; texts are synthetic words; no model is loaded. Documents
are written to the store, as an application does that adds one at a time, so that many small fragments
and a tail of rows that no search index knows are part of what is measured. Both kinds of search
alternate in one run.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar
from zlib import crc32

import numpy as np

from benchmarks.common import Bench, Suite
from benchmarks.records import Table
from rag_embed import Chunk, Document, Index
from rag_embed import filters as f
from rag_embed.maths.vectors import unit
from rag_embed.types import DENSE, ChunkRows, Signature, Spans, TokenBits, TokenRows, Vectors

DIM, INTRINSIC, WORDS, VOCABULARY, CHUNKS = 384, 16, 60, 5000, 10
STEP = 1000
"""Documents in one write."""

SHARES = 1 / np.arange(1, VOCABULARY + 1) / (1 / np.arange(1, VOCABULARY + 1)).sum()
RECENT = f.field("year") >= 2010
KINDS: dict[str, tuple[bool, int, dict[str, Any]]] = {
    "plain": (False, 0, {}),
    "filter": (False, 0, {"where": RECENT}),
    "owner": (False, 50, {"user": "user7"}),
    "tokens": (True, 0, {}),
    "all": (True, 50, {"user": "user7", "where": RECENT}),
}
"""Whether there are tokens, how many owners, and with which options is searched."""

T = TypeVar("T")


class Synthetic:
    """Random vectors near a small subspace, the same for the same text; a token is a word."""

    def __init__(self) -> None:
        random = np.random.default_rng(0)
        self.subspace = random.standard_normal((INTRINSIC, DIM), dtype=np.float32)
        self.signature = Signature("synthetic", "1", DIM, max_tokens=1000, pooling="none")

    def rows(self, random: np.random.Generator, count: int) -> Vectors:
        return unit(random.standard_normal((count, INTRINSIC)).astype(np.float32) @ self.subspace)

    def encode_document(self, texts: Sequence[str], /) -> Vectors:
        seeds = (crc32(text.encode()) for text in texts)
        found = [self.rows(np.random.default_rng(seed), 1) for seed in seeds]
        return np.concatenate(found) if found else np.empty((0, DIM), np.float32)

    encode_query = encode_document

    def encode_document_tokens(
        self, texts: Sequence[str], keep: Callable[[TokenRows], T], /
    ) -> tuple[Vectors, list[T]]:
        kept = []
        for text in texts:
            words = text.split()
            ids = np.array([crc32(word.encode()) % VOCABULARY for word in words], dtype=np.int32)
            kept.append(keep(TokenRows(ids, self.encode_document(words), self.token_spans(text))))
        return self.encode_document(texts), kept

    encode_query_tokens = encode_document_tokens

    def token_spans(self, text: str, /) -> Spans:
        ends = np.cumsum([len(word) + 1 for word in text.split()]) - 1
        starts = np.concatenate([[0], ends[:-1] + 1]) if len(ends) else ends
        return np.stack([starts, ends], axis=1).astype(np.int64)


@dataclass
class Corpus:
    """Documents that are written to an index, each with what a search needs of it.

    Attributes:
        index: Where to.
        encoder: Makes the vectors.
        tokens: Whether there are tokens.
        owners: Every second document belongs to one of so many, if there are any.
    """

    index: Index
    encoder: Synthetic
    tokens: bool
    owners: int
    written: int = 0
    random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(1))

    def text(self, words: int) -> str:
        chosen = self.random.choice(VOCABULARY, words, p=SHARES)
        return " ".join(f"w{word}" for word in chosen)

    def document(self) -> tuple[Document, list[Chunk]]:
        number, texts = self.written, [self.text(WORDS) for _ in range(CHUNKS)]
        self.written += 1
        owner = f"user{number // 2 % self.owners}" if self.owners and number % 2 else None
        year = {"year": 2000 + number % 20}
        document = Document(f"d{number}", "\n".join(texts), metadata=year, user=owner)
        ends = np.cumsum([len(text) + 1 for text in texts]).tolist()
        spans = zip([0, *ends], ends, strict=False)
        return document, [Chunk.of(document, start, end - 1) for start, end in spans]

    def write(self, count: int) -> None:
        documents, several = zip(*(self.document() for _ in range(count)), strict=True)
        chunks = [chunk for some in several for chunk in some]
        rows = {DENSE: self.encoder.rows(self.random, len(chunks))}
        tokens = {DENSE: [self.some_tokens() for _ in chunks]} if self.tokens else {}
        marked = [(document, "hash") for document in documents]
        self.index.store.replace(marked, ChunkRows(chunks, rows, tokens))

    def some_tokens(self) -> TokenBits:
        bits = self.random.integers(0, 256, (WORDS, DIM // 8))
        ids = self.random.choice(VOCABULARY, WORDS, p=SHARES)
        return TokenBits(ids.astype(np.int32), bits.astype(np.uint8))


def spent(act: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds of the processors, and of the clock."""
    processor, clock = time.process_time(), time.perf_counter()
    act()
    return 1000 * (time.process_time() - processor), 1000 * (time.perf_counter() - clock)


def measured(corpus: Corpus, size: int, options: dict[str, Any], repeats: int) -> list[Any]:
    """The first search in wall time, and medians of steady and fresh ones."""
    for start in range(0, size // CHUNKS, STEP):
        corpus.write(min(STEP, size // CHUNKS - start))
    corpus.index.store.optimize()
    queries = [corpus.text(4) for _ in range(5)]

    def search(number: int) -> tuple[float, float]:
        return spent(lambda: corpus.index.search(queries[number % len(queries)], **options))

    first, steady, fresh = search(0), [], []
    for repeat in range(-1, repeats):
        corpus.write(1)
        after, others = search(repeat), [search(repeat) for _ in range(3)]
        if repeat >= 0:  # the very first ones warm up
            fresh.append(after)
            steady += others
    a, b = ([statistics.median(x) for x in zip(*some, strict=True)] for some in (steady, fresh))
    return [first[1], a[1], b[1], b[0] / a[0], b[1] / a[1]]


def add(bench: Bench) -> Iterator[Table]:
    encoder, rows = Synthetic(), []
    for size in bench.options.sizes:
        for name, (tokens, owners, options) in KINDS.items():
            with TemporaryDirectory() as folder:
                index = Index.create(
                    Path(folder, "kb"),
                    encoder=encoder,
                    tokens=tokens,
                    situate="isolated",
                    fields={"year": int},
                )
                corpus = Corpus(index, encoder, tokens, owners)
                cells = measured(corpus, size, options, bench.options.repeats)
                rows.append([name, size, *cells])
                bench.say(f"{size} chunks, {name}: done")
    columns = {"search": "", "chunks": ",d", "first, ms": ".0f", "steady, ms": ".1f"}
    columns |= {"after an add, ms": ".1f", "of processor time": ".2f", "of wall time": ".2f"}
    yield Table("medians of adds of one document", columns, rows)


SUITE = Suite(
    {"add": add},
    options={
        "--sizes": {"nargs": "+", "type": int, "default": [10_000, 100_000], "help": "in chunks"},
        "--repeats": {"type": int, "default": 15, "help": "documents added, one at a time"},
    },
    data=False,
)
