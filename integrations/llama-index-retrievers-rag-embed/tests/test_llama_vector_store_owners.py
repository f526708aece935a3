"""A `RagEmbedVectorStore` of one user: what is added is the user's, and found beside what is shared."""

from __future__ import annotations

import pytest
from conformance_data import Words, asked, filters, node, where
from llama_index.core import Document, StorageContext, VectorStoreIndex
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.vector_stores.types import VectorStoreQueryMode
from llama_index.retrievers.rag_embed import RagEmbedNodeParser, RagEmbedVectorStore
from pydantic import ValidationError

from rag_embed.errors import BadInput

MODES = [VectorStoreQueryMode(mode) for mode in ("default", "text_search", "hybrid", "mmr")]


@pytest.fixture
def shared(tmp_path):
    store = RagEmbedVectorStore(tmp_path / "store")
    store.add([node("s", "The red fox runs.", "shared", kind="x")])
    store.with_(user="ada").add([node("a", "Ada saw a red fox.", "notes", kind="x")])
    store.with_(user="bob").add([node("b", "Bob saw a red fox.", "notes of Bob", kind="x")])
    return store


def ids(store, **options):
    return sorted(store.query(asked("red fox", **options)).ids)


@pytest.mark.parametrize("mode", MODES)
def test_everybody_finds_what_is_shared_and_their_own(shared, mode) -> None:
    assert ids(shared, mode=mode) == ["s"]
    assert ids(shared.with_(user="ada"), mode=mode) == ["a", "s"]
    again = RagEmbedVectorStore(shared.uri, user="bob")
    assert ids(again, mode=mode) == ["b", "s"]
    assert ids(again.with_(user=None), mode=mode) == ["s"]
    assert ids(again, mode=mode, node_ids=["a", "b"]) == ["b"]
    assert ids(again, mode=mode, doc_ids=["notes"]) == []
    assert ids(again, mode=mode, filters=filters(where("kind", "==", "x"))) == ["b", "s"]


async def test_nodes_of_others_are_neither_got_nor_deleted(shared) -> None:
    ada, bob = shared.with_(user="ada"), shared.with_(user="bob")
    assert [one.node_id for one in await ada.aget_nodes()] == ["a", "s"]
    assert [one.node_id for one in shared.get_nodes(["a", "b", "s"])] == ["s"]
    for store in (shared, bob):
        store.delete("notes")
        store.delete_nodes(["a"])
    await bob.adelete_nodes(filters=filters(where("kind", "==", "x")))
    assert [one.node_id for one in ada.get_nodes()] == ["a", "s"]
    assert [one.node_id for one in bob.get_nodes()] == ["s"]
    ada.clear()
    assert [one.node_id for one in ada.get_nodes()] == ["s"]


def test_a_node_cannot_be_taken_over(shared) -> None:
    for store in (shared, shared.with_(user="bob")):
        with pytest.raises(BadInput, match="'a' belongs to another owner"):
            store.add([node("a", "Mine now.")])
    assert shared.with_(user="ada").get_nodes(["a"])[0].get_content() == "Ada saw a red fox."


def test_pipelines_and_indexes_add_and_find_for_a_user(tmp_path) -> None:
    store = RagEmbedVectorStore(tmp_path / "store", user="ada")
    parser = RagEmbedNodeParser()
    IngestionPipeline(transformations=[parser, Words()], vector_store=store).run(
        documents=[Document(id_="one", text="A red fox of Ada.")]
    )
    VectorStoreIndex.from_documents(
        [Document(id_="two", text="A blue sea of Ada.")],
        storage_context=StorageContext.from_defaults(vector_store=store),
        embed_model=Words(),
        transformations=[parser],
    )

    def found(user):
        index = VectorStoreIndex.from_vector_store(store.with_(user=user), embed_model=Words())
        nodes = index.as_retriever(similarity_top_k=9).retrieve("Ada")
        return sorted(one.node.ref_doc_id for one in nodes)

    assert found("ada") == ["one", "two"]
    assert found("bob") == found(None) == []


def test_copies_for_users_share_a_store_in_memory() -> None:
    store = RagEmbedVectorStore("memory://")
    store.with_(user="ada").add([node("a", "A red fox.")])
    assert ids(store.with_(user="ada")) == ["a"] and ids(store) == []


def test_the_user_is_part_of_the_settings(tmp_path) -> None:
    store = RagEmbedVectorStore(tmp_path / "store", user="ada")
    assert RagEmbedVectorStore.from_dict(store.to_dict()).user == "ada"
    assert store.with_(user=None).user is None and store.user == "ada"
    for wrong in ("", 3):
        with pytest.raises((BadInput, ValidationError), match="user"):
            RagEmbedVectorStore(tmp_path / "store", user=wrong)
        with pytest.raises(BadInput, match="user"):
            store.with_(user=wrong)
    with pytest.raises(TypeError, match="who"):
        store.with_(who="ada")
