"""LlamaIndex's retrievers as experts of an index: of a VectorStoreIndex, a fusion, keywords."""

from __future__ import annotations

from typing import Any

import pytest
from llama_index.core import Document, MockEmbedding, VectorStoreIndex
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.llms import MockLLM
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.retrievers import QueryFusionRetriever
from llama_index.core.schema import NodeWithScore, TextNode
from llama_index.retrievers.rag_embed import (
    RagEmbedEmbedding,
    RagEmbedRetriever,
    as_leg,
    to_documents,
)

from rag_embed import Index, field
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput

LOADED = [
    Document(
        id_="fox", text="The red fox hunts mice. It sleeps in a den.", metadata={"year": 2019}
    ),
    Document(id_="sea", text="The sea is deep. Whales sing in the deep.", metadata={"year": 2020}),
    Document(id_="bread", text="Bread needs flour. Knead it well.", metadata={"year": 2022}),
]
SECRET = Document(id_="secret", text="Ada's red fox is called Rob.")


class Words(BaseRetriever):
    """As a BM25 retriever: nodes by the words that they share with the question."""

    def __init__(self, nodes) -> None:
        self.nodes = nodes
        super().__init__()

    def _retrieve(self, query_bundle):
        asked = set(query_bundle.query_str.lower().split())
        scored = [
            NodeWithScore(node=one, score=float(len(asked & set(one.text.lower().split()))))
            for one in self.nodes
        ]
        return sorted(scored, key=lambda one: -one.score)


def nodes(*more: Document):
    return SentenceSplitter(chunk_size=12, chunk_overlap=0, include_metadata=False)(
        [*LOADED, *more]
    )


@pytest.fixture
def index() -> Index:
    index = Index.in_memory(encoder=HashEncoder(), chunk_tokens=8)
    index.add(to_documents(LOADED))
    index.add(to_documents([SECRET], user="ada"))
    return index


def alone(index: Index, retriever: BaseRetriever, **options: Any) -> Index:
    index.experts.attach_leg(as_leg("theirs", retriever, **options))
    index.experts.weigh({"theirs": 1.0})
    return index


def best(index: Index, query: str, **options: Any) -> str:
    hit = index.search(query, **options)[0]
    assert any(part.contribution for part in hit.parts)
    return hit.text


def test_the_retriever_of_a_vector_store_index(index) -> None:
    parts = nodes()
    assert len(parts) > len(LOADED) and {one.ref_doc_id for one in parts} == {"fox", "sea", "bread"}
    other = VectorStoreIndex(parts, embed_model=RagEmbedEmbedding())
    alone(index, other.as_retriever(similarity_top_k=6))
    assert best(index, "marine mammals making music") == "Whales sing in the deep."
    [part] = [one for one in index.search("music")[0].parts if one.weight]
    assert part.leg == "theirs" and 0 < part.raw < 1  # its cosine


def test_a_fusion_of_retrievers(index) -> None:
    other = VectorStoreIndex(nodes(), embed_model=RagEmbedEmbedding())
    fusion = QueryFusionRetriever(
        [Words(nodes()), other.as_retriever(similarity_top_k=6)],
        llm=MockLLM(),
        num_queries=1,
        use_async=False,
        mode="reciprocal_rerank",
        similarity_top_k=6,
    )
    assert best(alone(index, fusion), "knead a loaf").endswith("Knead it well.")


async def test_private_documents_and_filters_hold_sync_and_async(index) -> None:
    alone(index, Words(nodes(SECRET)))
    retriever = RagEmbedRetriever(index, k=10)
    for user, seen in ((None, False), ("bob", False), ("ada", True)):
        asking = retriever.with_(user=user)
        found = asking.retrieve("red fox called Rob")
        assert any("Rob" in one.text for one in found) is seen
        again = await asking.aretrieve("red fox called Rob")
        assert [(one.node_id, one.score) for one in again] == [
            (one.node_id, one.score) for one in found
        ]
    since = retriever.with_(where=field("metadata.year") >= 2020).retrieve("red fox")
    assert {one.node.ref_doc_id for one in since} == {"sea", "bread"}


def test_by_its_id_its_source_and_its_text(index) -> None:
    ours = [one.node for one in RagEmbedRetriever(index, k=10).retrieve("fox sea bread")]
    assert best(alone(index, Words(ours)), "whales sing") == "Whales sing in the deep."
    for node in (
        TextNode(text="Whales sing"),
        TextNode(id_="sea", text="a summary of whales"),
        TextNode(text="Whales sing in the deep.", metadata={"file_path": "else.txt"}),
    ):
        index.experts.weigh(None)
        index.experts.remove("theirs")
        assert "deep" in best(alone(index, Words([node])), "whales")


def test_what_the_index_does_not_hold(index) -> None:
    strange = [*nodes(), TextNode(id_="gone", text="Nobody added this.")]
    with pytest.raises(BadInput, match=r"nowhere in this index, by id \('gone'\)"):
        best(alone(index, Words(strange)), "nobody")
    index.experts.weigh(None)
    index.experts.remove("theirs")
    assert "Whales" in best(alone(index, Words(strange), lenient=True), "nobody knows whales")


def test_only_retrievers_of_llama_index(index) -> None:
    with pytest.raises(BadInput, match="as_retriever"):
        as_leg("theirs", VectorStoreIndex([], embed_model=MockEmbedding(4)))
    with pytest.raises(BadInput, match="index.experts.attach"):
        as_leg("theirs", index.retriever)
