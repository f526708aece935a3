"""rag_embed in LangChain: retriever, vector store, document index, embeddings."""

from langchain_rag_embed.document_index import RagEmbedDocumentIndex
from langchain_rag_embed.documents import RagEmbedDocument, to_documents
from langchain_rag_embed.embeddings import EmbeddingsEncoder, RagEmbedEmbeddings
from langchain_rag_embed.experts import as_leg
from langchain_rag_embed.rerank import CompressorReranker
from langchain_rag_embed.retrievers import RagEmbedRetriever
from langchain_rag_embed.structured import RagEmbedTranslator
from langchain_rag_embed.tools import read_tool, search_tool
from langchain_rag_embed.vectorstores import RagEmbedVectorStore
from langchain_rag_embed.writers import context_writer
from rag_embed.filters import to_filter

__all__ = [
    "CompressorReranker",
    "EmbeddingsEncoder",
    "RagEmbedDocument",
    "RagEmbedDocumentIndex",
    "RagEmbedEmbeddings",
    "RagEmbedRetriever",
    "RagEmbedTranslator",
    "RagEmbedVectorStore",
    "as_leg",
    "context_writer",
    "read_tool",
    "search_tool",
    "to_documents",
    "to_filter",
]
