"""LangChain's own standard tests, with the real model and the real store."""

from __future__ import annotations

import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_rag_embed import (
    RagEmbedDocumentIndex,
    RagEmbedEmbeddings,
    RagEmbedRetriever,
    RagEmbedVectorStore,
)
from langchain_tests.integration_tests import (
    EmbeddingsIntegrationTests,
    RetrieversIntegrationTests,
    VectorStoreIntegrationTests,
)
from langchain_tests.integration_tests.indexer import (
    AsyncDocumentIndexTestSuite,
    DocumentIndexerTestSuite,
)
from langchain_tests.unit_tests import EmbeddingsUnitTests

from rag_embed import Document, Index


class TestVectorStore(VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self, tmp_path, minilm):
        return RagEmbedVectorStore(tmp_path / "kb", embedding=minilm)


class TestVectorStoreInMemoryOfLangChainEmbeddings(VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self):
        return RagEmbedVectorStore(embedding=self.get_embeddings())


class TestRetriever(RetrieversIntegrationTests):
    @pytest.fixture(autouse=True)
    def _index(self, minilm, tmp_path):
        self.path = tmp_path / "kb"
        index = Index.create(self.path, encoder=minilm)
        index.add(Document(str(i), f"The fox has {i} cubs.") for i in range(5))

    @property
    def retriever_constructor(self):
        return RagEmbedRetriever

    @property
    def retriever_constructor_params(self):
        return {"index": self.path}

    @property
    def retriever_query_example(self):
        return "How many cubs has the fox?"


class _Embeddings:
    @property
    def embeddings_class(self):
        return RagEmbedEmbeddings

    @property
    def embedding_model_params(self):
        return {}


class TestEmbeddingsUnit(_Embeddings, EmbeddingsUnitTests):
    pass


class TestEmbeddings(_Embeddings, EmbeddingsIntegrationTests):
    pass


class TestDocumentIndex(DocumentIndexerTestSuite):
    @pytest.fixture
    def index(self, tmp_path, minilm):
        return RagEmbedDocumentIndex(store=RagEmbedVectorStore(tmp_path / "kb", embedding=minilm))


class TestAsyncDocumentIndex(AsyncDocumentIndexTestSuite):
    @pytest.fixture
    async def index(self, tmp_path):
        embedding = DeterministicFakeEmbedding(size=6)
        return RagEmbedDocumentIndex(
            store=RagEmbedVectorStore(tmp_path / "kb", embedding=embedding)
        )
