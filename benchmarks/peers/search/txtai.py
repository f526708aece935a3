"""txtai: Faiss, its own BM25 and SQLite, dense and hybrid; its database serves one thread at a time."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from txtai import Embeddings

from benchmarks.peers.search import Corpus, K, Search

PACKAGES = ("txtai", "faiss-cpu")


def systems(corpus: Corpus, folder: Path) -> Mapping[str, Search]:
    known = dict(zip(corpus.texts, corpus.vectors, strict=True))

    def transform(texts: list[str]) -> Any:
        return np.stack([known[text] if text in known else corpus.query(text) for text in texts])

    found: dict[str, Search] = {}
    for name, hybrid in (("dense", False), ("hybrid", True)):
        index = Embeddings(method="external", transform=transform, content=True, hybrid=hybrid)
        index.index(zip(corpus.ids, corpus.texts, strict=True))
        found[f"txtai, {name}"] = partial(_one, index, Lock())
    return found


def _one(index: Embeddings, turn: Lock, text: str) -> Any:
    with turn:
        return index.search(text, limit=K)
