"""Groups of readers: whoever adds names them, whoever asks is in some, and no model says which."""

from __future__ import annotations

import copy
import pickle

import pytest
from conformance_data import asked, node
from llama_index.core import Document
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.vector_stores.types import VectorStoreQueryMode
from llama_index.retrievers.rag_embed import (
    RagEmbedIndexer,
    RagEmbedRetriever,
    RagEmbedVectorStore,
    read_tool,
    search_tool,
    to_documents,
)

from rag_embed import Index
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput

MODES = [VectorStoreQueryMode(mode) for mode in ("default", "text_search", "hybrid", "mmr")]


@pytest.fixture
def shared(tmp_path):
    store = RagEmbedVectorStore(tmp_path / "store")
    store.add([node("s", "The red fox runs.", "shared", kind="x")])
    store.with_(user=None, readers=["hr"]).add([node("h", "A red fox of hr.", "pay", kind="x")])
    ada = store.with_(user="ada", readers=["hr", "board"])
    ada.add([node("a", "Ada saw a red fox.", "notes", kind="x")])
    return store


def ids(store, **options):
    return sorted(store.query(asked("red fox", **options)).ids)


@pytest.mark.parametrize("mode", MODES)
def test_nodes_are_found_by_owner_and_groups(shared, mode) -> None:
    assert ids(shared, mode=mode) == ["s"]
    hr = shared.with_(user=None, groups=["hr"])
    assert ids(hr, mode=mode) == ["a", "h", "s"] and len(hr.get_nodes()) == 3
    assert ids(shared.with_(user="ben", groups=["board"]), mode=mode) == ["a", "s"]
    assert ids(shared.with_(user="ada"), mode=mode) == ["a", "s"]
    assert ids(shared.with_(user="hr", groups=["ada"]), mode=mode) == ["s"]
    for again in (copy.deepcopy(hr), pickle.loads(pickle.dumps(hr))):
        assert ids(again, mode=mode) == ["a", "h", "s"]
    assert ids(RagEmbedVectorStore.from_dict(hr.to_dict()), mode=mode) == ["a", "h", "s"]


def test_nodes_for_others_are_neither_deleted_nor_taken_over(shared) -> None:
    shared.delete("pay")
    shared.with_(user="hr").delete_nodes(["h", "a"])
    hr = shared.with_(user=None, readers=["hr"])
    assert ids(hr) == ["a", "h", "s"]
    with pytest.raises(BadInput, match="'h' is for others"):
        shared.add([node("h", "Mine now.")])
    with pytest.raises(BadInput, match="'a' belongs to another owner"):
        hr.add([node("a", "Ours now.")])
    hr.add([node("h", "A grey fox of hr.", "pay")])
    assert [one.text for one in hr.get_nodes(["h"])] == ["A grey fox of hr."]
    hr.clear()
    assert ids(shared.with_(user=None, groups=["hr"])) == ["a"]
    for wrong in ("hr", [""]):
        with pytest.raises(BadInput, match="groups"):
            shared.with_(user=None, groups=wrong)
    with pytest.raises(BadInput, match="everybody would read it"):
        shared.with_(user=None, readers=[])


def test_what_was_found_and_is_added_again_stays_for_its_groups(shared) -> None:
    hr = shared.with_(user=None, groups=["hr"])
    [found] = hr.get_nodes(["h"])
    found.metadata["seen"] = True
    hr.add([node(found.node_id, found.text, "pay", seen=True)])
    assert ids(shared) == ["s"]
    assert [one.metadata["seen"] for one in hr.get_nodes(["h"])] == [True]
    shared.with_(user="ada").add([node("a", "Ada saw a grey fox.", "notes", kind="x")])
    shared.add([node("s", "The red fox ran.", "shared", kind="x")])  # for all it was, for all it is
    assert ids(hr) == ["a", "h", "s"]


def test_a_pipeline_that_runs_again_opens_nothing() -> None:
    index = Index.in_memory(encoder=HashEncoder(64))
    pay = Document(id_="pay", text="The red fox is paid in Zanzibar.")
    RagEmbedIndexer(index, readers=["hr"])([pay])
    RagEmbedIndexer(index)([Document(id_="pay", text="The red fox is paid in Samoa.")])
    assert RagEmbedRetriever(index).retrieve("fox") == []
    [hit] = RagEmbedRetriever(index, groups=["hr"]).retrieve("fox")
    assert "Samoa" in hit.node.text


def test_an_index_is_fed_and_asked_for_groups() -> None:
    index = Index.in_memory(encoder=HashEncoder(64))
    pay = Document(id_="pay", text="The red fox is paid in Zanzibar.")
    IngestionPipeline(transformations=[RagEmbedIndexer(index, readers=["hr"])]).run(documents=[pay])
    index.add(to_documents([Document(id_="x", text="A red fox.")], user="ada", readers=["board"]))
    retriever = RagEmbedRetriever(index, groups=["hr"])
    assert [one.node.text for one in retriever.retrieve("fox in Zanzibar")] == [pay.text]
    assert RagEmbedRetriever(index).retrieve("fox") == []
    assert len(retriever.with_(groups=["hr", "board"]).retrieve("fox")) == 2
    asked_ = {"query": "fox", "min_relevance": 0}
    assert "Zanzibar" in search_tool(index, groups=["hr"]).call(**asked_).content
    assert "Zanzibar" not in search_tool(index).call(**asked_, groups=["hr"]).content
    assert "Zanzibar" in read_tool(index, groups=["hr"]).call(id="pay").content
    assert "Zanzibar" not in read_tool(index).call(id="pay").content
    assert RagEmbedIndexer(index).delete(["pay"]) == 0
    assert RagEmbedIndexer(index, readers=["hr"]).delete(["pay", "x"]) == 1
