"""What any LlamaIndex vector store should do: a suite to inherit.

    class TestMine(VectorStoreConformance):
        def make(self, place): return MyVectorStore(str(place))

``make`` is called with one folder per test; called twice, the second store sees what the first
one wrote.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from conformance_data import DIM, Meeting, Words, asked, filters, library, node, vector, where
from conformance_search import SearchConformance
from llama_index.core import Document, StorageContext, VectorStoreIndex
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.ingestion.pipeline import DocstoreStrategy
from llama_index.core.llms import MockLLM
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.retrievers import QueryFusionRetriever
from llama_index.core.retrievers.fusion_retriever import FUSION_MODES
from llama_index.core.schema import (
    ImageNode,
    IndexNode,
    MetadataMode,
    Node,
    NodeRelationship,
    RelatedNodeInfo,
    TextNode,
)
from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.core.vector_stores.types import BasePydanticVectorStore


class VectorStoreConformance(SearchConformance):
    """Inherit it and give `make`."""

    patience = 60.0
    """Seconds after which calls that should overlap are taken not to."""

    # nodes

    def test_add_returns_ids(self, empty) -> None:
        assert empty.add(library()) == list("abcd")
        assert empty.add([]) == []

    def test_a_node_comes_back_as_it_was(self, empty) -> None:
        nested = {"author": {"name": "Ada", "born": 1815}, "list": [1, 2], "none": None, "ü": "é"}
        added = node("a", 'Zeilen\n\n"ÄÖ" \N{FOX FACE}', "source", **nested)
        added.start_char_idx, added.end_char_idx = 3, 18
        added.excluded_llm_metadata_keys = ["list"]
        empty.add([added])
        [found] = empty.query(asked("x")).nodes
        assert found.get_content(MetadataMode.NONE) == added.text
        assert found.metadata == nested
        assert (found.ref_doc_id, found.start_char_idx, found.end_char_idx) == ("source", 3, 18)
        assert found.excluded_llm_metadata_keys == ["list"]

    @pytest.mark.parametrize("kind", [TextNode, IndexNode, ImageNode, Node])
    def test_every_kind_of_node_comes_back_with_all_it_has(self, empty, kind) -> None:
        own = {
            TextNode: {"text": "Red.", "mimetype": "text/x", "end_char_idx": 4},
            IndexNode: {"text": "Red.", "index_id": "other"},
            ImageNode: {"text": "Red.", "image_url": "http://here/red.png"},
            Node: {"text_resource": {"text": "Red."}, "image_resource": {"path": "red.png"}},
        }
        added = kind(
            id_="a",
            embedding=vector("red"),
            metadata={"shown": 1, "hidden": 2},
            excluded_llm_metadata_keys=["hidden"],
            excluded_embed_metadata_keys=["shown"],
            metadata_template="<{key}={value}>",
            metadata_separator=" | ",
            text_template="{metadata_str} :: {content}",
            relationships={
                NodeRelationship.SOURCE: RelatedNodeInfo(node_id="one", metadata={"shown": 1}),
                NodeRelationship.NEXT: RelatedNodeInfo(node_id="b", hash="h"),
                NodeRelationship.CHILD: [RelatedNodeInfo(node_id="c", node_type="1")],
            },
            **own[kind],
        )
        empty.add([added])
        [found] = empty.query(asked("red")).nodes
        found.embedding = added.embedding
        assert found == added and found.hash == added.hash
        assert found.get_content(MetadataMode.LLM) == added.get_content(MetadataMode.LLM)

    def test_adding_again_replaces(self, store) -> None:
        store.add([node("a", "A green frog jumps.", "one", lang="it")])
        assert sorted(self.ids(store)) == list("abcd")
        result = store.query(asked("green frog", k=1))
        assert result.nodes[0].get_content() == "A green frog jumps."
        assert self.ids(store, filters=filters(where("lang", "==", "it"))) == ["a"]

    def test_the_last_of_equal_ids_counts(self, empty) -> None:
        empty.add([node("a", "red fox"), node("a", "blue sea")])
        result = empty.query(asked("red"))
        assert [one.get_content() for one in result.nodes] == ["blue sea"]

    def test_nodes_may_have_different_metadata(self, empty) -> None:
        empty.add([node("a", "red fox", year=2020)])
        empty.add([node("b", "blue sea", author="Ada"), node("c", "grey wolf")])
        assert self.ids(empty, filters=filters(where("author", "==", "Ada"))) == ["b"]
        assert self.ids(empty, filters=filters(where("year", "==", 2020))) == ["a"]

    def test_a_key_may_have_values_of_different_kinds(self, empty) -> None:
        empty.add([node("a", "red fox", year=2020), node("b", "blue sea", year="2020")])
        assert self.ids(empty, filters=filters(where("year", "==", 2020))) == ["a"]

    @pytest.mark.parametrize(
        "id", ["it's", 'a"b', "x' OR '1'='1", "ü-ß \N{FOX FACE}", "a#0-3", "%"]
    )
    def test_odd_ids(self, empty, id) -> None:
        empty.add([node(id, "red fox", f"source {id}"), node("other", "blue sea", "other")])
        assert self.ids(empty, node_ids=[id]) == [id]
        assert self.ids(empty, doc_ids=[f"source {id}"]) == [id]
        empty.delete(f"source {id}")
        assert self.ids(empty) == ["other"]

    def test_delete_removes_the_source(self, store) -> None:
        store.delete("one")
        assert sorted(self.ids(store)) == ["c", "d"]
        store.delete("unknown")
        assert sorted(self.ids(store)) == ["c", "d"]

    def test_delete_cannot_be_tricked(self, store) -> None:
        store.delete("x' OR '1'='1")
        assert sorted(self.ids(store)) == list("abcd")

    def test_delete_nodes_by_id(self, store) -> None:
        store.delete_nodes(["a", "unknown"])
        assert sorted(self.ids(store)) == list("bcd")

    def test_delete_nodes_by_filter(self, store) -> None:
        store.delete_nodes(filters=filters(where("lang", "==", "en")))
        assert sorted(self.ids(store)) == ["b", "d"]

    def test_delete_nodes_by_both(self, store) -> None:
        store.delete_nodes(["a", "b"], filters(where("lang", "==", "en")))
        assert sorted(self.ids(store)) == list("bcd")

    def test_delete_nodes_with_no_ids_deletes_nothing(self, store) -> None:
        store.delete_nodes([])
        assert sorted(self.ids(store)) == list("abcd")

    def test_get_nodes_by_id(self, store) -> None:
        assert sorted(one.node_id for one in store.get_nodes(["c", "a", "unknown"])) == ["a", "c"]
        assert store.get_nodes([]) == []

    def test_get_nodes_by_filter(self, store) -> None:
        found = store.get_nodes(filters=filters(where("lang", "==", "en")))
        assert sorted(one.node_id for one in found) == ["a", "c"]

    def test_get_nodes_by_both(self, store) -> None:
        found = store.get_nodes(["a", "b"], filters(where("lang", "==", "en")))
        assert [one.node_id for one in found] == ["a"]

    def test_get_all_nodes(self, store) -> None:
        assert sorted(one.node_id for one in store.get_nodes()) == list("abcd")

    def test_clear(self, store) -> None:
        store.clear()
        assert self.ids(store) == []
        store.add(library()[:1])
        assert self.ids(store) == ["a"]

    # edges

    def test_an_empty_store_finds_nothing(self, empty) -> None:
        result = empty.query(asked())
        assert not result.nodes and not result.ids and not result.similarities
        empty.delete("unknown")

    def test_nothing_found_is_no_error(self, store) -> None:
        result = store.query(asked(filters=filters(where("lang", "==", "none"))))
        assert not result.nodes and not result.ids

    def test_an_emptied_store_finds_nothing(self, store) -> None:
        store.delete("one")
        store.delete("two")
        assert self.ids(store) == []

    def test_a_node_without_embedding_is_refused(self, store) -> None:
        with pytest.raises(ValueError):
            store.add([node("e", "new"), TextNode(id_="f", text="no vector")])
        assert sorted(self.ids(store)) == list("abcd")

    def test_another_dimension_is_refused(self, store) -> None:
        with pytest.raises(ValueError):
            store.add([TextNode(id_="e", text="short", embedding=[1.0, 2.0])])
        assert sorted(self.ids(store)) == list("abcd")

    def test_nan_is_refused(self, store) -> None:
        with pytest.raises(ValueError):
            store.add([TextNode(id_="e", text="nan", embedding=[float("nan")] * DIM)])
        assert sorted(self.ids(store)) == list("abcd")

    def test_another_instance_sees_what_was_written(self, store, tmp_path) -> None:
        other = self.make(tmp_path / "store")
        assert sorted(self.ids(other)) == list("abcd")
        other.add([node("e", "A new one.", "three")])
        assert sorted(self.ids(store)) == list("abcde")

    # concurrency

    def test_threads_add_all(self, empty) -> None:
        def one(i: int) -> None:
            empty.add([node(f"n{i}", f"word{i} fox", f"doc{i}")])

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(one, range(16)))
        assert len(self.ids(empty, k=50)) == 16

    def test_threads_upsert_one_id_once(self, store) -> None:
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda i: store.add([node("a", f"version {i}", "one")]), range(16)))
        assert sorted(self.ids(store, k=50)) == list("abcd")

    async def test_async_does_what_sync_does(self, store) -> None:
        assert list((await store.aquery(asked())).ids) == self.ids(store)
        await store.async_add([node("e", "A new one.", "three", lang="en")])
        assert [one.node_id for one in await store.aget_nodes(["e"])] == ["e"]
        await store.adelete_nodes(["e"])
        await store.adelete("one")
        assert sorted(self.ids(store)) == ["c", "d"]
        await store.aclear()
        assert self.ids(store) == []

    async def test_async_calls_overlap(self, store) -> None:
        barrier = threading.Barrier(5, timeout=self.patience)
        added = [Meeting(id_=f"m{i}", text="red", embedding=vector("red")) for i in range(5)]
        for one in added:
            one._barrier = barrier
        await asyncio.gather(*(store.async_add([one]) for one in added))
        assert len(self.ids(store, k=20)) == 9

    # with the framework

    def test_an_index_stores_and_finds(self, empty) -> None:
        context = StorageContext.from_defaults(vector_store=empty)
        index = VectorStoreIndex(library(), storage_context=context, embed_model=Words())
        found = index.as_retriever(similarity_top_k=1).retrieve("The blue sea is deep.")
        assert [one.node.node_id for one in found] == ["b"]
        assert found[0].score is not None

    def test_an_index_opens_the_store(self, store) -> None:
        index = VectorStoreIndex.from_vector_store(store, embed_model=Words())
        only = filters(where("lang", "==", "en"))
        found = index.as_retriever(similarity_top_k=4, filters=only).retrieve("wolf")
        assert sorted(one.node.node_id for one in found) == ["a", "c"]
        index.insert(Document(id_="three", text="A green frog."))
        index.delete_ref_doc("two")
        assert [one.ref_doc_id for one in store.get_nodes()].count("three") == 1
        assert "two" not in {one.ref_doc_id for one in store.get_nodes()}

    @pytest.mark.parametrize("strategy", ["upserts", "upserts_and_delete"])
    def test_a_pipeline_keeps_the_store_in_step(self, empty, strategy) -> None:
        pipeline = IngestionPipeline(
            transformations=[SentenceSplitter(chunk_size=64, chunk_overlap=0), Words()],
            vector_store=empty,
            docstore=SimpleDocumentStore(),
            docstore_strategy=DocstoreStrategy(strategy),
        )
        red, blue = Document(id_="r", text="red fox"), Document(id_="b", text="blue sea")
        assert len(pipeline.run(documents=[red, blue])) == 2
        assert pipeline.run(documents=[red, blue]) == []
        assert self.sources(empty) == ["b", "r"]
        pipeline.run(documents=[Document(id_="r", text="green frog")])
        assert self.texts(empty, "green frog")[0] == "green frog"
        assert "red fox" not in self.texts(empty, "red fox")
        assert self.sources(empty) == (["r"] if strategy == "upserts_and_delete" else ["b", "r"])

    @pytest.mark.parametrize("mode", list(FUSION_MODES))
    def test_fusion_sees_a_node_once(self, store, mode) -> None:
        index = VectorStoreIndex.from_vector_store(store, embed_model=Words())
        lists = [index.as_retriever(similarity_top_k=4) for _ in range(3)]
        fusion = QueryFusionRetriever(
            lists, llm=MockLLM(), mode=mode, num_queries=1, similarity_top_k=4, use_async=False
        )
        found = fusion.retrieve("The blue sea is deep.")
        assert sorted(one.node.node_id for one in found) == list("abcd")

    async def test_a_pipeline_runs_async(self, empty) -> None:
        pipeline = IngestionPipeline(transformations=[Words()], vector_store=empty)
        await pipeline.arun(nodes=[TextNode(id_="a", text="red fox")])
        assert self.ids(empty) == ["a"]

    def sources(self, store: BasePydanticVectorStore) -> list[str]:
        return sorted(str(one.ref_doc_id) for one in store.query(asked()).nodes or [])

    def texts(self, store: BasePydanticVectorStore, text: str) -> list[str]:
        return [one.get_content() for one in store.query(asked(text)).nodes or []]
