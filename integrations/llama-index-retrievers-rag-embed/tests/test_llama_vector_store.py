"""What `RagEmbedVectorStore` does beyond the suite: options, errors, serialisation."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from conformance_data import Words, asked, filters, library, node, vector, where
from llama_index.core import StorageContext, VectorStoreIndex, load_index_from_storage
from llama_index.core.schema import Document as LlamaDocument
from llama_index.core.schema import (
    TextNode,
)
from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryMode
from llama_index.retrievers.rag_embed import RagEmbedVectorStore

from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput, StoreError
from rag_embed.stores import LanceStore


@pytest.fixture
def store(tmp_path):
    store = RagEmbedVectorStore(tmp_path / "store", fields={"year": int})
    store.add(library())
    return store


def ids(store, **options):
    return store.query(asked(**options)).ids


def test_nothing_is_written_before_the_first_node(tmp_path) -> None:
    store = RagEmbedVectorStore(tmp_path / "store")
    assert store.client is None
    assert store.get_nodes() == []
    store.delete_nodes(["a"])
    store.clear()
    assert not (tmp_path / "store").exists()
    store.add(library())
    assert isinstance(store.client, LanceStore)


def test_a_store_in_memory() -> None:
    store = RagEmbedVectorStore("memory://")
    store.add(library())
    assert len(ids(store)) == len(ids(copy.deepcopy(store))) == 4
    assert RagEmbedVectorStore("memory://").client is None


def test_nodes_in_memory_are_not_lost_silently(tmp_path) -> None:
    store = RagEmbedVectorStore("memory://")
    with pytest.raises(BadInput, match="Name a folder"):
        pickle.dumps(store)
    with pytest.raises(BadInput, match="Name a folder"):
        StorageContext.from_defaults(vector_store=store).persist(tmp_path)


def test_an_index_is_persisted_and_loaded(store, tmp_path) -> None:
    context = StorageContext.from_defaults(vector_store=store)
    index = VectorStoreIndex(
        [node("e", "A green frog.")], storage_context=context, embed_model=Words()
    )
    index.storage_context.persist(tmp_path / "rest")
    again = StorageContext.from_defaults(
        vector_store=RagEmbedVectorStore(store.uri), persist_dir=str(tmp_path / "rest")
    )
    index = load_index_from_storage(again, embed_model=Words())
    assert index.as_retriever().retrieve("frog")[0].node.node_id == "e"


def test_it_reconnects_by_uri(store) -> None:
    for other in (
        pickle.loads(pickle.dumps(store)),
        copy.deepcopy(store),
        copy.copy(store),
        copy.deepcopy({"in": [store]})["in"][0],
        RagEmbedVectorStore.from_dict(store.to_dict()),
        RagEmbedVectorStore.from_json(store.to_json()),
    ):
        assert other.to_dict() == store.to_dict()
        assert sorted(ids(other)) == list("abcd")


def test_credentials_stay_out_of_dumps(tmp_path, monkeypatch) -> None:
    options = {"secret": "hidden"}
    store = RagEmbedVectorStore(tmp_path / "store", storage_options=options)
    assert "hidden" not in store.to_json() + repr(store)
    again = RagEmbedVectorStore.from_dict(store.to_dict(), storage_options=options)
    assert again.storage_options == options
    dumped = pickle.dumps(store)
    assert b"hidden" not in dumped
    with pytest.raises(StoreError, match="SECRET in the environment"):
        pickle.loads(dumped)
    monkeypatch.setenv("SECRET", "hidden")
    assert pickle.loads(dumped).storage_options == options


def test_the_source_is_a_column(store) -> None:
    assert store.client.fields.types.items() >= {"year": "int", "ref_doc_id": "str"}.items()


def test_fields_that_are_lacking_are_declared_and_others_keep_their_type(store) -> None:
    more = RagEmbedVectorStore(store.uri, fields={"lang": str})
    assert more.client.fields.types.items() >= {"year": "int", "lang": "str"}.items()
    with pytest.raises(BadInput, match="declared as int, and stays so"):
        RagEmbedVectorStore(store.uri, fields={"year": str}).get_nodes()


def test_an_index_is_no_vector_store(tmp_path) -> None:
    Index.create(tmp_path / "kb", encoder=HashEncoder()).add([Document("a", "A fox.")])
    with pytest.raises(BadInput, match="RagEmbedRetriever"):
        RagEmbedVectorStore(tmp_path / "kb", fields={"year": int})
    assert not Index.open(tmp_path / "kb").store.fields.types


def test_a_vector_store_is_no_index_and_whoever_opens_it_so_is_told_what_to_do(store) -> None:
    with pytest.raises(BadInput, match=r"from_vector_store\(.*RagEmbedIndexer"):
        Index.open(store.uri)


@pytest.mark.parametrize("fields", [{"year": dict}, {"metadata": str}])
def test_bad_fields_are_refused(tmp_path, fields) -> None:
    with pytest.raises(BadInput):
        RagEmbedVectorStore(tmp_path, fields=fields)


def test_unknown_options_raise(store, tmp_path) -> None:
    with pytest.raises(TypeError):
        RagEmbedVectorStore(tmp_path, table_name="x")
    with pytest.raises(TypeError):
        store.query(asked(), where="x")
    with pytest.raises(TypeError):
        store.add(library(), batch=1)
    with pytest.raises(TypeError):
        store.delete("one", now=True)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (VectorStoreQuery(), "query_embedding"),
        (VectorStoreQuery(mode=VectorStoreQueryMode.TEXT_SEARCH), "query_str"),
        (VectorStoreQuery(query_str="x", mode=VectorStoreQueryMode.HYBRID), "query_embedding"),
        (asked(mode=VectorStoreQueryMode.HYBRID, alpha=1.5), "alpha"),
        (asked(mode=VectorStoreQueryMode.MMR, mmr_threshold=2.0), "mmr_threshold"),
        (asked(mode=VectorStoreQueryMode.SEMANTIC_HYBRID), "use one of"),
        (VectorStoreQuery(query_embedding=[1.0]), "shape"),
        (VectorStoreQuery(query_embedding=[float("nan")] * 64), "finite"),
        (asked(k=-1), "k must be"),
        (asked(filters=filters(where("year", "==", "2020"))), "year"),
    ],
)
def test_bad_queries_are_refused(store, query, message) -> None:
    with pytest.raises(BadInput, match=message):
        store.query(query)


def test_text_search_is_bm25_and_blank_text_finds_nothing(store) -> None:
    result = store.query(asked("sea", mode=VectorStoreQueryMode.TEXT_SEARCH))
    assert sorted(result.ids) == ["b", "d"]
    assert result.similarities == sorted(result.similarities, reverse=True)
    assert min(result.similarities) > 0
    blank = VectorStoreQuery(query_str=" ", mode=VectorStoreQueryMode.TEXT_SEARCH)
    assert store.query(blank).ids == []


def test_sparse_top_k_counts_lexical_results(store) -> None:
    assert len(ids(store, text="sea", mode=VectorStoreQueryMode.SPARSE, sparse_top_k=1)) == 1


def test_mmr_options(tmp_path) -> None:
    store = RagEmbedVectorStore(tmp_path / "store")
    store.add([node("a", "red fox"), node("b", "red fox"), node("c", "red sea")])
    query = asked("red fox", k=2, mode=VectorStoreQueryMode.MMR)
    assert store.query(query, mmr_threshold=1.0).ids == ["a", "b"]
    assert store.query(query, mmr_threshold=0.3).ids == ["a", "c"]
    assert store.query(query, mmr_threshold=0.3, mmr_prefetch_k=2).ids == ["a", "b"]
    assert store.query(query, mmr_threshold=0.3, mmr_prefetch_factor=1.5).ids == ["a", "c"]
    cosines = store.query(query, mmr_threshold=0.3).similarities
    assert cosines[0] == pytest.approx(1.0, abs=1e-5)
    with pytest.raises(BadInput, match="not both"):
        store.query(query, mmr_prefetch_k=2, mmr_prefetch_factor=2.0)
    with pytest.raises(BadInput, match="mmr"):
        store.query(asked(), mmr_threshold=0.5)


def test_default_similarities_are_cosines(store) -> None:
    result = store.query(asked("the blue sea", k=4))
    texts = {one.node_id: one.text for one in library()}
    cosines = [np.dot(vector("the blue sea"), vector(texts[id])) for id in result.ids]
    assert result.similarities == pytest.approx(cosines, abs=1e-5)


def test_lengths_of_vectors_do_not_matter(tmp_path) -> None:
    store = RagEmbedVectorStore(tmp_path / "store")
    store.add([TextNode(id_="a", text="x", embedding=[30.0, 40.0])])
    [similarity] = store.query(VectorStoreQuery(query_embedding=[0.5, 0.0])).similarities
    assert similarity == pytest.approx(0.6)


@pytest.mark.parametrize("embedding", [[], [float("inf"), 1.0], [1e300, 1.0]])
def test_bad_embeddings_are_refused_before_anything_is_made(tmp_path, embedding) -> None:
    store = RagEmbedVectorStore(tmp_path / "store")
    with pytest.raises(BadInput, match="'a'"):
        store.add([TextNode(id_="a", text="x", embedding=embedding)])
    assert store.client is None


def test_vectors_of_one_call_have_one_length(tmp_path) -> None:
    nodes = [TextNode(id_="a", embedding=[1.0]), TextNode(id_="b", embedding=[1.0, 0.0])]
    with pytest.raises(BadInput, match="'b'"):
        RagEmbedVectorStore(tmp_path / "store").add(nodes)


def test_a_wrong_field_value_is_refused(store) -> None:
    with pytest.raises(BadInput, match="year"):
        store.add([node("e", "new", year="soon")])
    assert len(store.get_nodes()) == 4


def test_clear_and_delete_everything_are_two_things(store) -> None:
    with pytest.raises(BadInput, match="clear"):
        store.delete_nodes()
    with pytest.raises(BadInput, match="clear"):
        store.delete_nodes(filters=filters())
    assert len(store.get_nodes()) == 4


def test_nodes_come_in_the_order_asked_for(store) -> None:
    assert [one.node_id for one in store.get_nodes(["d", "a", "d"])] == ["d", "a"]


def test_a_node_without_source_is_its_own(tmp_path) -> None:
    store = RagEmbedVectorStore(tmp_path / "store")
    store.add([LlamaDocument(id_="x", text="red fox", embedding=vector("red fox"))])
    assert ids(store, doc_ids=["x"]) == ["x"]
    assert store.get_nodes()[0].ref_doc_id is None
    store.delete("x")
    assert store.get_nodes() == []
