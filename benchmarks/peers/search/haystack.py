"""Haystack in memory: its embedding retriever, and that joined with its BM25 by reciprocal ranks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from haystack import Document
from haystack.components.joiners import DocumentJoiner
from haystack.components.retrievers.in_memory import (
    InMemoryBM25Retriever,
    InMemoryEmbeddingRetriever,
)
from haystack.document_stores.in_memory import InMemoryDocumentStore

from benchmarks.peers.search import Corpus, K, Search

PACKAGES = ("haystack-ai",)


def systems(corpus: Corpus, folder: Path) -> Mapping[str, Search]:
    store = InMemoryDocumentStore(embedding_similarity_function="dot_product")
    store.write_documents(
        [
            Document(id=id, content=text, embedding=row.tolist())
            for id, text, row in zip(corpus.ids, corpus.texts, corpus.vectors, strict=True)
        ]
    )
    vectors = InMemoryEmbeddingRetriever(store, top_k=K)
    words = InMemoryBM25Retriever(store, top_k=K)
    joiner = DocumentJoiner(join_mode="reciprocal_rank_fusion", top_k=K)

    def dense(text: str) -> Any:
        return vectors.run(query_embedding=corpus.query(text).tolist())["documents"]

    def hybrid(text: str) -> Any:
        return joiner.run(documents=[dense(text), words.run(query=text)["documents"]])

    return {"Haystack in memory, dense": dense, "Haystack in memory, hybrid": hybrid}
