"""What the laws of a store are tested on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import numpy as np

from rag_embed.maths.vectors import unit
from rag_embed.protocols import Store
from rag_embed.types import Chunk, ChunkRows, Document, Vectors

DIM = 8
FIELDS = {"year": int, "lang": str, "score": float, "draft": bool, "tags": list[str]}
FIELDS |= {"at": datetime, "day": date}


def vector(text: str) -> Vectors:
    """A unit row that depends on the text alone."""
    seed = int.from_bytes(text.encode("utf-8", "replace")[:8].ljust(8, b"\0"), "little")
    return unit(np.random.default_rng(seed).normal(size=(1, DIM)))


def write(store: Store, *documents: Document, digest: str = "h") -> None:
    """Store documents, one chunk per line."""
    chunks, vectors = [], []
    for document in documents:
        start = 0
        for ordinal, line in enumerate(document.text.splitlines()):
            if line:
                chunks.append(Chunk.of(document, start, start + len(line), ordinal=ordinal))
                vectors.append(vector(line)[0])
            start += len(line) + 1
    matrix = np.array(vectors, dtype=np.float32).reshape(-1, DIM)
    rows = ChunkRows(chunks, {"dense": matrix})
    store.replace([(document, digest) for document in documents], rows)


def ids(found: Sequence[Chunk]) -> list[str]:
    """Ids of chunks, in order."""
    return [chunk.id for chunk in found]


CORPUS = [
    Document("a", "red fox\nblue whale", "Animals", {"year": 2020, "lang": "en", "tags": ["x"]}),
    Document(
        "b",
        "red wine",
        "Drinks",
        {"year": 2021, "lang": "fr", "score": 0.5, "draft": True, "title": "own", "n": 1},
    ),
    Document(
        "c",
        "green tea\nblack tea",
        "Drinks",
        {"lang": "en", "tags": ["x", "y'"], "by": {"name": "Zoë", "a.b": 1}, "n": True},
    ),
    Document(
        "d",
        "O'Brien's tea -- \"quoted\"; DROP TABLE",
        "",
        {"year": 2022, "draft": False, "lang": "STRASSE İ ΣΑΣ", "n": "1", "mixed": [1, "x"]},
    ),
    Document("ann#1", "secret fox", "Private", {"year": 2020}, user="ann"),
]
