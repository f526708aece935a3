"""LlamaIndex's pipelines and vector indexes with what an index can be: situated, extended, routed, personal."""

from __future__ import annotations

import shutil

import pytest
from doors.indexes import QUERY, TEXTS
from llama_index.core import VectorStoreIndex
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.schema import Document as LlamaDocument
from llama_index.retrievers.rag_embed import (
    RagEmbedEmbedding,
    RagEmbedIndexer,
    RagEmbedNodeParser,
    RagEmbedRetriever,
    RagEmbedVectorStore,
    as_leg,
    to_documents,
)

from rag_embed import Index
from rag_embed.types import Route

NEW = LlamaDocument(
    id_="new",
    text="The fox eats berries. In winter it must hunt. Nobody feeds it.",
    metadata={"title": "About berries"},
)


@pytest.mark.parametrize(
    "name",
    ["headed", "late", "summary", "extended", "windows", "second space", "routed", "history"],
)
def test_a_pipeline_feeds_an_index_whatever_it_is_made_of(kbs, name, tmp_path) -> None:
    by_pipeline = shutil.copytree(kbs[name], tmp_path / "pipeline")
    by_hand = Index.open(shutil.copytree(kbs[name], tmp_path / "hand"))
    IngestionPipeline(transformations=[RagEmbedIndexer(by_pipeline)]).run(documents=[NEW])
    by_hand.add(to_documents([NEW]))
    found = RagEmbedRetriever(by_pipeline, k=30, user="ann").retrieve(QUERY)
    expected = by_hand.search(QUERY, k=30, user="ann")
    assert [(one.node_id, one.score, one.relevance) for one in found] == [
        (hit.id, hit.score, hit.relevance) for hit in expected
    ]
    assert "new" in {one.node.ref_doc_id for one in found}
    assert [one.route for one in found] == [
        hit.route.explained if hit.route else None for hit in expected
    ]
    assert (found[0].route is not None) is (name == "routed")


def test_a_vector_index_of_an_extended_model_is_an_expert(kbs, tmp_path) -> None:
    """The vector index gives its vectors; route, history, owners and relevance are those of the index."""
    assert kbs["extended"]
    model = RagEmbedEmbedding(str(kbs.folder / "reads-on"))
    store = RagEmbedVectorStore(tmp_path / "nodes")
    loaded = [LlamaDocument(id_=id, text=text) for id, text in TEXTS.items()]
    IngestionPipeline(
        transformations=[RagEmbedNodeParser(chunk_tokens=10), model], vector_store=store
    ).run(documents=[*loaded, LlamaDocument(id_="own", text="Ann's fox sleeps on the sofa.")])
    theirs = VectorStoreIndex.from_vector_store(store, embed_model=model)

    index = Index.open(shutil.copytree(kbs["history"], tmp_path / "kb"))
    index.experts.attach_leg(as_leg("theirs", theirs.as_retriever(similarity_top_k=50)))
    index.experts.router = _Both()
    retriever = RagEmbedRetriever(index, k=50)
    found, anns = retriever.retrieve(QUERY), retriever.with_(user="ann").retrieve(QUERY)
    assert found[0].route["weights"] == {"dense": 0.5, "theirs": 0.5}
    assert "own" not in {one.node.ref_doc_id for one in found}
    assert "own" in {one.node.ref_doc_id for one in anns}
    for leg, bent in (("dense", True), ("theirs", False)):
        said, hers = _raw(found, leg), _raw(anns, leg)
        assert said and (said != {id: hers[id] for id in said}) is bent, leg


class _Both:
    def route(self, queries, vectors):
        return [Route({"dense": 0.5, "theirs": 0.5}, 1.0) for _ in queries]


def _raw(found, leg):
    """What a leg said of each chunk that it found."""
    return {
        one.node_id: part["raw"]
        for one in found
        for part in one.explanation
        if part["leg"] == leg and part["normalised"]
    }
