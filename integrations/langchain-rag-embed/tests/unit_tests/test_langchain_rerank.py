"""Compressors as re-rankers, and our hits through LangChain's own compression."""

from __future__ import annotations

import pytest
from langchain_classic.retrievers import ContextualCompressionRetriever
from langchain_classic.retrievers.document_compressors import CrossEncoderReranker
from langchain_core.cross_encoders import BaseCrossEncoder
from langchain_core.documents import BaseDocumentCompressor
from langchain_core.documents import Document as LangChainDocument
from langchain_rag_embed import RagEmbedRetriever
from langchain_rag_embed.rerank import CompressorReranker

from rag_embed import Query
from rag_embed.errors import BadInput
from rag_embed.ranking import Reranked


class Fish(BaseCrossEncoder):
    """Scores by how often a text says fish, then by how short it is."""

    def score(self, text_pairs):
        return [10.0 * text.lower().count("fish") - len(text) / 100 for _, text in text_pairs]


class Scoring(BaseDocumentCompressor):
    """Leaves its scores in the metadata, as hosted re-rankers do; rewrites the texts."""

    keep: int = 99

    def compress_documents(self, documents, query, callbacks=None):
        scores = Fish().score([(query, document.page_content) for document in documents])
        order = sorted(range(len(documents)), key=lambda i: -scores[i])[: self.keep]
        return [
            LangChainDocument(
                page_content="changed",
                metadata={**documents[i].metadata, "relevance_score": scores[i]},
            )
            for i in order
        ]


def found(index, reranker, **options):
    return Reranked(index.retriever, reranker, **options).retrieve([Query("red fox", k=9)])[0]


def test_a_compressor_orders_hits_and_what_it_drops_comes_last(index) -> None:
    before = [hit.chunk.doc_id for hit in index.search("red fox", k=9)]
    hits = found(index, CompressorReranker(CrossEncoderReranker(model=Fish(), top_n=2)))
    assert [hit.chunk.doc_id for hit in hits][:2] == ["fish", "sea"]
    rest = [hit.chunk.doc_id for hit in hits][2:]
    assert rest == [id for id in before if id in rest] and len(rest) == len(before) - 2
    assert [hit.parts[-1].raw for hit in hits] == [2.0, 1.0] + [0.0] * len(rest)


def test_its_scores_are_taken_and_its_texts_are_not(index) -> None:
    hits = found(index, CompressorReranker(Scoring()))
    expected = {hit.id: Fish().score([("", f"{hit.chunk.title}\n{hit.text}")])[0] for hit in hits}
    assert [hit.parts[-1].raw for hit in hits] == pytest.approx(
        sorted(expected.values(), reverse=True)
    )
    assert all(hit.text != "changed" for hit in hits)
    some = found(index, CompressorReranker(Scoring(keep=2)), weight=5.0)
    assert some[0].chunk.doc_id == "fish" and len(some) == len(hits)


def test_metadata_are_the_users_own_and_cannot_be_spoilt(index) -> None:
    seen = []

    class Spoiling(BaseDocumentCompressor):
        def compress_documents(self, documents, query, callbacks=None):
            seen.extend(dict(document.metadata) for document in documents)
            for document in documents:
                document.metadata["year"] = None
            return documents

    before = index.search("red fox", k=9)
    hits = found(index, CompressorReranker(Spoiling()))
    assert [hit.id for hit in hits] == [hit.id for hit in before]
    assert [hit.chunk.metadata for hit in hits] == [hit.chunk.metadata for hit in before]
    assert {"year", "about"} <= seen[0].keys() and "relevance_score" not in seen[0]


def test_strange_documents_and_other_objects_are_refused(index) -> None:
    class Strange(BaseDocumentCompressor):
        def compress_documents(self, documents, query, callbacks=None):
            return [LangChainDocument("from elsewhere")]

    with pytest.raises(BadInput, match="was not given"):
        found(index, CompressorReranker(Strange()))
    with pytest.raises(BadInput, match="document compressor, got Fish"):
        CompressorReranker(Fish())
    assert CompressorReranker(Strange()).rerank(Query("x"), []).shape == (0,)


def test_our_hits_go_through_their_compression(index) -> None:
    retriever = ContextualCompressionRetriever(
        base_compressor=CrossEncoderReranker(model=Fish(), top_n=2),
        base_retriever=RagEmbedRetriever(index=index, k=9),
    )
    documents = retriever.invoke("red fox")
    assert [document.metadata["rag_embed"]["doc_id"] for document in documents] == ["fish", "sea"]


def test_a_reranked_retriever_is_a_langchain_retriever(index) -> None:
    reranked = Reranked(index.retriever, CompressorReranker(Scoring()))
    [document] = RagEmbedRetriever(index=reranked, k=1).invoke("red fox")
    assert document.metadata["rag_embed"]["doc_id"] == "fish"
    legs = [part["leg"] for part in document.explanation]
    assert legs == ["dense", "lexical", "rerank"]
