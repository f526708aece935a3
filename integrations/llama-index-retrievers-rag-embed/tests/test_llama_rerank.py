"""Postprocessors as re-rankers, and our hits through LlamaIndex's own postprocessing."""

from __future__ import annotations

import pytest
from llama_index.core.llms import MockLLM
from llama_index.core.postprocessor import LongContextReorder, SimilarityPostprocessor
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.schema import Document as LlamaDocument
from llama_index.core.schema import MetadataMode, NodeWithScore, TextNode
from llama_index.retrievers.rag_embed import RagEmbedRetriever, to_documents
from llama_index.retrievers.rag_embed.rerank import PostprocessorReranker

from rag_embed import Index
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput
from rag_embed.ranking import Reranked
from rag_embed.types import Query


class Blue(BaseNodePostprocessor):
    """Scores by the word blue, as a re-ranker does: new scores, sorted, the best few."""

    top_n: int = 99

    def _postprocess_nodes(self, nodes, query_bundle=None):
        assert query_bundle is not None and query_bundle.query_str == "red fox"
        for node in nodes:
            node.score = 5.0 * ("blue" in node.text) - len(node.text) / 100
        return sorted(nodes, key=lambda node: -node.score)[: self.top_n]


def found(index, postprocessor, **options):
    reranked = Reranked(index.retriever, PostprocessorReranker(postprocessor), **options)
    return reranked.retrieve([Query("red fox", k=9)])[0]


def test_its_scores_order_the_hits(index) -> None:
    hits = found(index, Blue())
    assert hits[0].chunk.doc_id == "sea"
    raw = [hit.parts[-1].raw for hit in hits]
    assert raw == sorted(raw, reverse=True)
    for hit in hits:
        text = f"{hit.chunk.title}\n{hit.text}"
        assert hit.parts[-1].raw == pytest.approx(5.0 * ("blue" in text) - len(text) / 100)


def test_what_it_drops_comes_last_in_its_old_order(index) -> None:
    before = [hit.id for hit in index.search("red fox", k=9)]
    hits = [hit.id for hit in found(index, Blue(top_n=1))]
    assert hits[0] == "sea#0-21" and hits[1:] == [id for id in before if id != hits[0]]


def test_a_mere_order_or_filter_counts_as_such(index) -> None:
    before = index.search("red fox", k=9)
    reordered = LongContextReorder().postprocess_nodes(
        [NodeWithScore(node=TextNode(id_=hit.id), score=hit.score) for hit in before]
    )
    hits = found(index, LongContextReorder())
    assert [hit.id for hit in hits] == [node.node.node_id for node in reordered]
    kept = found(index, SimilarityPostprocessor(similarity_cutoff=before[1].score))
    assert [hit.id for hit in kept] == [hit.id for hit in before]


def test_what_a_document_hides_stays_hidden_from_re_rankers() -> None:
    seen = []

    class Reading(BaseNodePostprocessor):
        def _postprocess_nodes(self, nodes, query_bundle=None):
            seen.extend(node.get_content(MetadataMode.LLM) for node in nodes)
            return nodes

    index = Index.in_memory(encoder=HashEncoder())
    hidden = LlamaDocument(
        id_="a",
        text="A red fox.",
        metadata={"title": "Fox", "secret": "s3cr3t"},
        excluded_llm_metadata_keys=["secret"],
    )
    whole = TextNode(id_="n", text="A fox.", metadata={"secret": "s3cr3t"})
    whole.excluded_llm_metadata_keys = ["secret"]
    index.add(to_documents([hidden, whole]))
    before = [hit.id for hit in index.search("red fox")]
    assert [hit.id for hit in found(index, Reading())] == before
    assert sorted(seen) == ["A fox.", "title: Fox\n\nFox\nA red fox."]


def test_strange_nodes_and_other_objects_are_refused(index) -> None:
    class Strange(BaseNodePostprocessor):
        def _postprocess_nodes(self, nodes, query_bundle=None):
            return [NodeWithScore(node=TextNode(id_="elsewhere"), score=1.0)]

    with pytest.raises(BadInput, match="'elsewhere'"):
        found(index, Strange())
    with pytest.raises(BadInput, match="node postprocessor, got str"):
        PostprocessorReranker("cohere")
    assert PostprocessorReranker(Strange()).rerank(Query("x"), []).shape == (0,)


def test_our_hits_go_through_their_postprocessors(index) -> None:
    engine = RetrieverQueryEngine.from_args(
        RagEmbedRetriever(index, k=9), llm=MockLLM(), node_postprocessors=[Blue(top_n=1)]
    )
    [node] = engine.query("red fox").source_nodes
    assert node.node.node_id == "sea#0-21"


def test_a_reranked_retriever_is_a_llama_index_retriever(index) -> None:
    retriever = RagEmbedRetriever(Reranked(index.retriever, PostprocessorReranker(Blue())), k=1)
    [node] = retriever.retrieve("red fox")
    assert node.node.node_id == "sea#0-21"
    assert node.explanation[-1]["leg"] == "rerank"
