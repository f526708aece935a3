"""Chroma in a folder: its HNSW index."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import chromadb
from chromadb.config import Settings

from benchmarks.peers.search import Corpus, K, Search

PACKAGES = ("chromadb",)
STEP = 5000


def systems(corpus: Corpus, folder: Path) -> Mapping[str, Search]:
    client = chromadb.PersistentClient(
        str(folder / "chroma"), settings=Settings(anonymized_telemetry=False)
    )
    chunks = client.create_collection(
        "chunks", embedding_function=None, metadata={"hnsw:space": "cosine"}
    )
    for start in range(0, len(corpus.texts), STEP):
        chunks.add(
            ids=corpus.ids[start : start + STEP],
            embeddings=corpus.vectors[start : start + STEP],
            documents=list(corpus.texts[start : start + STEP]),
        )

    def dense(text: str) -> Any:
        return chunks.query(query_embeddings=[corpus.query(text)], n_results=K)

    return {"Chroma, dense": dense}
