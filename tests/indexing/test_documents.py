"""One where many are expected, and objects of other frameworks."""

from __future__ import annotations

import re
from importlib import import_module

import pytest
from langchain_core.documents import Document as LangChainDocument
from langchain_core.embeddings import DeterministicFakeEmbedding
from llama_index.core import MockEmbedding
from llama_index.core.schema import Document as LlamaDocument
from llama_index.core.vector_stores import MetadataFilters

from rag_embed import Document, Index, Query
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput
from rag_embed.events import UserEvent


@pytest.fixture
def index(three) -> Index:
    return three


class TestOneWhereManyAreExpected:
    def test_one_of_ours_is_a_list_of_one(self) -> None:
        index = Index.in_memory(encoder=HashEncoder(64))
        assert index.add(Document("a", "The fox is red.")).added == 1
        assert index.sync(Document("b", "The sea is blue."), scope="facts").added == 1
        assert index.users.remember("ann", UserEvent.of("ann", "foxes")) == 1
        assert index.contents.matching() == ["a", "b"] and index.users.profile("ann").count == 1

    @pytest.mark.parametrize(
        ("call", "complaint"),
        [
            (lambda index: index.add("The fox."), r"got str; write Document\(id, text\)"),
            (lambda index: index.add(["The fox."]), r"got str; write Document\(id, text\)"),
            (lambda index: index.add({"id": "a", "text": "fox"}), r"got dict; write Document"),
            (lambda index: index.add(7), "got int; write Document"),
            (lambda index: index.search_many("fox"), r"got one str; search\(\) takes one"),
            (
                lambda index: index.search_many(Query("fox")),
                r"got one rag_embed\.types\.Query",
            ),
            (lambda index: index.contents.documents("a"), r"documents\(\) takes a list of ids"),
            (lambda index: index.delete("a"), r"delete\(\) takes a list of ids"),
        ],
    )
    def test_anything_else_is_told(self, index, call, complaint) -> None:
        before = index.contents.matching()
        with pytest.raises(BadInput, match=complaint):
            call(index)
        assert index.contents.matching() == before


class TestWhatComesFromAFramework:
    @pytest.mark.parametrize(
        ("strange", "module", "adapter"),
        [
            (LangChainDocument("fox"), "langchain_core.documents.base", "langchain_rag_embed"),
            (
                LlamaDocument(text="fox"),
                "llama_index.core.schema",
                "llama_index.retrievers.rag_embed",
            ),
        ],
    )
    def test_a_document_is_told_by_its_module_with_what_converts_it(
        self, strange, module, adapter
    ) -> None:
        index = Index.in_memory(encoder=HashEncoder(64))
        expected = re.escape(f"got {module}.Document; convert it with {adapter}.to_documents.")
        for documents in (strange, [strange], iter([strange])):
            with pytest.raises(BadInput, match=expected):
                index.add(documents)
        converted = import_module(adapter).to_documents([strange])
        assert index.add(converted).added == 1

    def test_so_are_filters_and_embedding_models(self) -> None:
        filters = MetadataFilters(filters=[])
        with pytest.raises(
            BadInput, match=r"MetadataFilters; convert it with .*rag_embed\.to_filter"
        ):
            Query("fox", where=filters)
        embeddings = DeterministicFakeEmbedding(size=4)
        with pytest.raises(BadInput, match=r"wrap it in langchain_rag_embed\.EmbeddingsEncoder"):
            Index.in_memory(encoder=embeddings)
        with pytest.raises(BadInput, match=r"wrap it in .*rag_embed\.EmbeddingEncoder"):
            Index.in_memory(encoder=MockEmbedding(embed_dim=4))
        with pytest.raises(BadInput, match="int has no encode_document and no .* and no signature"):
            Index.in_memory(encoder=7)
