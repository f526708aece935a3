"""rag_embed in LlamaIndex: retriever, vector store, embedding model and node parser."""

from llama_index.retrievers.rag_embed.documents import to_documents
from llama_index.retrievers.rag_embed.embeddings import EmbeddingEncoder, RagEmbedEmbedding
from llama_index.retrievers.rag_embed.experts import as_leg
from llama_index.retrievers.rag_embed.filters import to_filter
from llama_index.retrievers.rag_embed.indexer import RagEmbedIndexer
from llama_index.retrievers.rag_embed.ingestion import RagEmbedNodeParser
from llama_index.retrievers.rag_embed.nodes import RagEmbedNode, to_node
from llama_index.retrievers.rag_embed.rerank import PostprocessorReranker
from llama_index.retrievers.rag_embed.retriever import RagEmbedRetriever
from llama_index.retrievers.rag_embed.tools import read_tool, search_tool
from llama_index.retrievers.rag_embed.vector_store import RagEmbedVectorStore
from llama_index.retrievers.rag_embed.writers import context_writer

__all__ = [
    "EmbeddingEncoder",
    "PostprocessorReranker",
    "RagEmbedEmbedding",
    "RagEmbedIndexer",
    "RagEmbedNode",
    "RagEmbedNodeParser",
    "RagEmbedRetriever",
    "RagEmbedVectorStore",
    "as_leg",
    "context_writer",
    "read_tool",
    "search_tool",
    "to_documents",
    "to_filter",
    "to_node",
]
