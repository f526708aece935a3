"""LlamaIndex: its vector store over LanceDB, and its fusion of that and bm25s in memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import bm25s
from llama_index.core import QueryBundle, VectorStoreIndex
from llama_index.core.llms import MockLLM
from llama_index.core.retrievers import BaseRetriever, QueryFusionRetriever
from llama_index.core.retrievers.fusion_retriever import FUSION_MODES
from llama_index.core.schema import NodeWithScore, TextNode
from llama_index.retrievers.rag_embed import RagEmbedEmbedding
from llama_index.vector_stores.lancedb import LanceDBVectorStore

from benchmarks.peers.search import Corpus, K, Search

PACKAGES = (
    "llama-index-core",
    "llama-index-vector-stores-lancedb",
    "bm25s",
    "lancedb",
)
STEP = 10_000


class Words(BaseRetriever):
    """bm25s; LlamaIndex's own retriever of it asks for another stemmer than this library."""

    def __init__(self, nodes: list[TextNode]) -> None:
        super().__init__()
        self.nodes, self.words = nodes, bm25s.BM25()
        texts = [node.text for node in nodes]
        self.words.index(bm25s.tokenize(texts, show_progress=False), show_progress=False)

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        asked = bm25s.tokenize(query_bundle.query_str, show_progress=False)
        found, scores = self.words.retrieve(asked, k=K, show_progress=False)
        return [
            NodeWithScore(node=self.nodes[i], score=float(score))
            for i, score in zip(found[0].tolist(), scores[0].tolist(), strict=True)
        ]


def systems(corpus: Corpus, folder: Path) -> Mapping[str, Search]:
    store = LanceDBVectorStore(uri=str(folder / "llama_index"), flat_metadata=False)
    nodes = [
        TextNode(text=text, id_=id, embedding=row.tolist())
        for text, id, row in zip(corpus.texts, corpus.ids, corpus.vectors, strict=True)
    ]
    for start in range(0, len(nodes), STEP):
        store.add(nodes[start : start + STEP])
    index = VectorStoreIndex.from_vector_store(
        store, embed_model=RagEmbedEmbedding(encoder=corpus.encoder)
    )
    dense = index.as_retriever(similarity_top_k=K)
    fusion = QueryFusionRetriever(
        [dense, Words(nodes)],
        llm=MockLLM(),
        mode=FUSION_MODES.RECIPROCAL_RANK,
        num_queries=1,
        similarity_top_k=K,
        use_async=False,
    )
    return {
        "LlamaIndex over LanceDB, dense": dense.retrieve,
        "LlamaIndex fusion, hybrid": fusion.retrieve,
    }
