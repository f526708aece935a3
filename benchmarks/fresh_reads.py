"""What the next search costs after one document was added, beside a search when nothing changed.

    python benchmarks/fresh_reads.py [--sizes 10000 100000] [--repeats 15]

Vectors are random, of low intrinsic dimension; texts are synthetic words; no model is loaded. Documents
are written to the store, as an application does that adds one at a time, so that many small fragments
and a tail of rows that no search index knows are part of what is measured. Both kinds of search
alternate in one run, and are compared in processor seconds and in wall time.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar
from zlib import crc32

import numpy as np
from rich.console import Console
from rich.table import Table

from rag_embed import Chunk, Document, Index
from rag_embed.filters import field
from rag_embed.maths.vectors import unit
from rag_embed.types import ChunkRows, Signature, Spans, TokenBits, TokenRows, Vectors

DIM, INTRINSIC, WORDS, VOCABULARY, CHUNKS = 384, 16, 60, 5000, 10
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


class Corpus:
    """Documents that are written to an index, each with what a search needs of it."""

    def __init__(self, folder: Path, encoder: Synthetic, tokens: bool) -> None:
        self.index = Index.create(
            folder, encoder=encoder, tokens=tokens, situate="isolated", fields={"year": int}
        )
        self.encoder, self.tokens = encoder, tokens
        self.random, self.written = np.random.default_rng(1), 0
        shares = 1 / np.arange(1, VOCABULARY + 1)
        self.shares = shares / shares.sum()

    def text(self, words: int) -> str:
        chosen = self.random.choice(VOCABULARY, words, p=self.shares)
        return " ".join(f"w{word}" for word in chosen)

    def write(self, documents: int, owners: int) -> None:
        """Some more documents; with owners, every second one belongs to one of them."""
        rows, chunks = [], []
        for number in range(self.written, self.written + documents):
            owner = f"user{number // 2 % owners}" if owners and number % 2 else None
            texts = [self.text(WORDS) for _ in range(CHUNKS)]
            document = Document(
                f"d{number}", "\n".join(texts), metadata={"year": 2000 + number % 20}, user=owner
            )
            start = 0
            for text in texts:
                chunks.append(Chunk.of(document, start, start + len(text)))
                start += len(text) + 1
            rows.append((document, "hash"))
        self.written += documents
        vectors = {"dense": self.encoder.rows(self.random, len(chunks))}
        tokens = {"dense": [self.some_tokens() for _ in chunks]} if self.tokens else {}
        self.index.store.replace(rows, ChunkRows(chunks, vectors, tokens))

    def some_tokens(self) -> TokenBits:
        bits = self.random.integers(0, 256, (WORDS, DIM // 8))
        ids = self.random.choice(VOCABULARY, WORDS, p=self.shares)
        return TokenBits(ids.astype(np.int32), bits.astype(np.uint8))


def spent(act: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds of the processors, and of the clock."""
    processor, clock = time.process_time(), time.perf_counter()
    act()
    return 1000 * (time.process_time() - processor), 1000 * (time.perf_counter() - clock)


def measured(
    corpus: Corpus, size: int, owners: int, options: dict[str, object], repeats: int
) -> dict[str, list[float]]:
    """Medians of processor and wall milliseconds: the first search, steady ones, fresh ones."""
    step = 1000
    for _ in range(size // CHUNKS // step):
        corpus.write(step, owners)
    corpus.index.optimize()
    queries = [corpus.text(4) for _ in range(5)]

    def search(number: int) -> tuple[float, float]:
        query = queries[number % len(queries)]
        return spent(lambda: corpus.index.search(query, **options))

    found: dict[str, list[tuple[float, float]]] = {"first": [search(0)], "steady": [], "fresh": []}
    for repeat in range(-1, repeats):
        corpus.write(1, owners)
        fresh = search(repeat)
        steady = [search(repeat) for _ in range(3)]
        if repeat >= 0:  # the very first ones warm up
            found["fresh"].append(fresh)
            found["steady"] += steady
    return {
        name: [statistics.median(x) for x in zip(*some, strict=True)]
        for name, some in found.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--repeats", type=int, default=15, help="Documents added, one at a time.")
    arguments = parser.parse_args()
    kinds: dict[str, tuple[bool, int, dict[str, object]]] = {
        "plain": (False, 0, {}),
        "filter": (False, 0, {"where": field("year") >= 2010}),
        "owner": (False, 50, {"user": "user7"}),
        "tokens": (True, 0, {}),
        "all": (True, 50, {"user": "user7", "where": field("year") >= 2010}),
    }
    table = Table(
        "chunks", "search", "first, ms", "steady, ms", "after an add, ms", "ratio of processor time",
        "ratio of wall time", title=f"medians of {arguments.repeats} adds of one document",
    )  # fmt: skip
    encoder = Synthetic()
    for size in arguments.sizes:
        for name, (tokens, owners, options) in kinds.items():
            with tempfile.TemporaryDirectory() as folder:
                corpus = Corpus(Path(folder) / "kb", encoder, tokens)
                found = measured(corpus, size, owners, options, arguments.repeats)
            steady, fresh = found["steady"], found["fresh"]
            table.add_row(
                f"{size:,}", name, f"{found['first'][1]:.0f}", f"{steady[1]:.1f}", f"{fresh[1]:.1f}",
                f"{fresh[0] / steady[0]:.2f}", f"{fresh[1] / steady[1]:.2f}",
            )  # fmt: skip
    Console().print(table)


if __name__ == "__main__":
    main()
