"""`RagEmbedVectorStore`: kinds of nodes, values of metadata."""

from __future__ import annotations

import datetime
import decimal
import uuid
import warnings

import numpy as np
import pytest
from conformance_data import Words, asked, filters, library, node, vector, where
from llama_index.core import StorageContext, VectorStoreIndex, load_index_from_storage
from llama_index.core.schema import (
    ImageNode,
    IndexNode,
    NodeRelationship,
    RelatedNodeInfo,
    TextNode,
)
from llama_index.retrievers.rag_embed import RagEmbedVectorStore

from rag_embed.errors import BadInput


@pytest.fixture
def store(tmp_path):
    store = RagEmbedVectorStore(tmp_path / "store", fields={"year": int})
    store.add(library())
    return store


def ids(store, **options):
    return store.query(asked(**options)).ids


def test_other_kinds_of_nodes_come_back(tmp_path) -> None:
    store = RagEmbedVectorStore(tmp_path / "store")
    index = IndexNode(id_="i", text="red fox", index_id="other", embedding=vector("red"))
    image = ImageNode(id_="p", text="blue sea", image_url="sea.png", embedding=vector("blue"))
    store.add([index, image])
    found = store.get_nodes(["i", "p"])
    assert isinstance(found[0], IndexNode) and found[0].index_id == "other"
    assert isinstance(found[1], ImageNode) and found[1].image_url == "sea.png"


def pictures():
    return [
        ImageNode(id_="p", text="A picture of a fox.", image_url="fox.png"),
        IndexNode(id_="i", text="All about the sea.", index_id="sea"),
    ]


def texts_and_pictures(store):
    nodes = [*library(), *pictures()]
    context = StorageContext.from_defaults(vector_store=store)
    return VectorStoreIndex(nodes, storage_context=context, embed_model=Words())


def found_by(index, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = index.as_retriever(similarity_top_k=9, **options).retrieve("fox")
    return sorted(one.node.node_id for one in found)


def test_pictures_and_index_nodes_hide_no_texts(tmp_path) -> None:
    store = RagEmbedVectorStore(tmp_path / "store")
    index = texts_and_pictures(store)
    assert found_by(index) == ["a", "b", "c", "d", "i", "p"]
    assert found_by(index, filters=filters(where("_node_type", "==", "ImageNode"))) == ["p"]
    assert found_by(index, filters=filters(where("lang", "==", "en"))) == ["a", "c"]
    index.storage_context.persist(tmp_path / "rest")
    again = load_index_from_storage(
        StorageContext.from_defaults(
            vector_store=RagEmbedVectorStore(store.uri), persist_dir=str(tmp_path / "rest")
        ),
        embed_model=Words(),
    )
    assert found_by(again) == ["a", "b", "c", "d", "i", "p"]
    index.delete_nodes(["i", "p"])
    assert found_by(index) == ["a", "b", "c", "d"]


def test_an_index_over_a_store_with_pictures_may_get_more(tmp_path) -> None:
    texts_and_pictures(RagEmbedVectorStore(tmp_path / "store"))
    store = RagEmbedVectorStore(tmp_path / "store")
    index = VectorStoreIndex.from_vector_store(store, embed_model=Words())
    assert found_by(index) == ["a", "b", "c", "d", "i", "p"]
    index.insert_nodes([ImageNode(id_="q", text="Another fox.", image_url="q.png")])
    assert found_by(index) == ["a", "b", "c", "d", "q"]


def test_node_ids_that_somebody_chose_are_kept_to(tmp_path) -> None:
    texts_and_pictures(RagEmbedVectorStore(tmp_path / "store"))
    store = RagEmbedVectorStore(tmp_path / "store")
    assert ids(store, node_ids=["a", "p"]) == ["a", "p"]
    assert sorted(ids(store, node_ids=["a", "p", "i"])) == ["a", "i", "p"]
    assert ids(store, node_ids=["unknown"]) == []
    with pytest.warns(UserWarning, match="from_vector_store"):
        assert ids(store, node_ids=["p"]) == ["p"]


def test_values_that_json_does_not_know(tmp_path) -> None:
    number, day = uuid.uuid4(), datetime.datetime(2024, 5, 1, 12)
    added = node(
        "a",
        "red fox",
        "source",
        made=day,
        number=number,
        price=decimal.Decimal("1.50"),
        share=np.float32(0.5),
        count=np.int64(3),
        sure=np.bool_(True),
        seen=np.datetime64("2024-05-02"),
    )
    added.relationships[NodeRelationship.NEXT] = RelatedNodeInfo(
        node_id="b", metadata=added.metadata
    )
    store = RagEmbedVectorStore(tmp_path / "store")
    store.add([added])
    [found] = store.get_nodes()
    assert found.metadata == {
        "made": "2024-05-01T12:00:00",
        "number": str(number),
        "price": 1.5,
        "share": 0.5,
        "count": 3,
        "sure": True,
        "seen": "2024-05-02T00:00:00+00:00",
    }
    for key, value in (("count", 3), ("share", 0.5), ("sure", 1), ("number", str(number))):
        assert ids(store, filters=filters(where(key, "==", value))) == ["a"], key
    assert ids(store, filters=filters(where("made", "<", "2024-05-02"))) == ["a"]


@pytest.mark.parametrize("value", [object(), {"deep": [object()]}, b"\xff\xfe", {1}])
def test_a_value_that_cannot_be_stored_is_named(store, value) -> None:
    with pytest.raises(BadInput, match="'e': metadata 'handle"):
        store.add([node("e", "new", handle=value)])
    related = {NodeRelationship.SOURCE: RelatedNodeInfo(node_id="s", metadata={"handle": value})}
    with pytest.raises(BadInput, match="'e': metadata 'handle"):
        store.add([TextNode(id_="e", embedding=vector("x"), relationships=related)])
    assert len(store.get_nodes()) == 4


def test_an_object_of_an_index_node_is_told_where_to_go(store) -> None:
    leading = IndexNode(id_="e", text="x", index_id="i", obj=object(), embedding=vector("x"))
    with pytest.raises(BadInput, match="'e'.*objects"):
        store.add([leading])


def test_filters_see_nested_metadata(tmp_path) -> None:
    store = RagEmbedVectorStore(tmp_path / "store")
    store.add([node("a", "red", author={"name": "Ada", "books": []}), node("b", "blue")])
    assert ids(store, filters=filters(where("author.name", "==", "Ada"))) == ["a"]
    assert sorted(ids(store, filters=filters(where("author.books", "is_empty", None)))) == [
        "a",
        "b",
    ]
