"""LangChain: its vector store over LanceDB, and its ensemble of that and BM25 in memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import lancedb
from langchain_classic.retrievers import EnsembleRetriever
from langchain_community.retrievers import BM25Retriever
from langchain_community.vectorstores import LanceDB
from langchain_core.embeddings import Embeddings
from langchain_rag_embed import RagEmbedEmbeddings

from benchmarks.peers.search import Corpus, K, Search

PACKAGES = ("langchain-community", "langchain-classic", "rank-bm25", "lancedb")
STEP = 10_000


class Known(Embeddings):
    """The vectors that are known, for the chunks that are added next."""

    def __init__(self, corpus: Corpus) -> None:
        self.queries = RagEmbedEmbeddings(corpus.encoder)
        self.rows = iter(corpus.vectors)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [next(self.rows).tolist() for _ in texts]

    def embed_query(self, text: str) -> list[float]:
        return self.queries.embed_query(text)


def systems(corpus: Corpus, folder: Path) -> Mapping[str, Search]:
    connection = lancedb.connect(folder / "langchain")
    store = LanceDB(connection=connection, embedding=Known(corpus))
    for start in range(0, len(corpus.texts), STEP):
        store.add_texts(list(corpus.texts[start : start + STEP]))
    dense = store.as_retriever(search_kwargs={"k": K})
    words = BM25Retriever.from_texts(list(corpus.texts), k=K)
    ensemble = EnsembleRetriever(retrievers=[words, dense], weights=[0.5, 0.5])
    return {
        "LangChain over LanceDB, dense": dense.invoke,
        "LangChain ensemble, hybrid": ensemble.invoke,
    }
