"""`RagEmbedRetriever`: async, batches, events, and its place in the framework."""

from __future__ import annotations

import asyncio
import copy
import pickle
import threading

import pytest
from llama_index.core import Document as LlamaDocument
from llama_index.core import Settings, StorageContext, VectorStoreIndex
from llama_index.core.base.base_selector import BaseSelector, SelectorResult, SingleSelection
from llama_index.core.callbacks import CallbackManager, CBEventType, LlamaDebugHandler
from llama_index.core.instrumentation.events.retrieval import (
    RetrievalEndEvent,
    RetrievalStartEvent,
)
from llama_index.core.llms import MockLLM
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.retrievers import QueryFusionRetriever, RouterRetriever
from llama_index.core.schema import QueryBundle
from llama_index.core.tools import RetrieverTool
from llama_index.retrievers.rag_embed import (
    RagEmbedEmbedding,
    RagEmbedNodeParser,
    RagEmbedRetriever,
    RagEmbedVectorStore,
)

from rag_embed import Document, Index, field
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput


def sources(nodes):
    return [one.node.ref_doc_id for one in nodes]


async def test_async_finds_the_same(retriever) -> None:
    def shown(nodes):
        return [one.to_dict() for one in nodes]

    assert shown(await retriever.aretrieve("red sea")) == shown(retriever.retrieve("red sea"))
    many = await retriever.aretrieve_many(["red sea", "wolf"])
    assert [shown(one) for one in many] == [
        shown(one) for one in retriever.retrieve_many(["red sea", "wolf"])
    ]


async def test_async_calls_overlap_and_the_loop_runs_on() -> None:
    barrier = threading.Barrier(5, timeout=60)

    class Waiting(HashEncoder):
        def encode_query(self, texts, /):
            barrier.wait()
            return super().encode_query(texts)

    index = Index.in_memory(encoder=Waiting())
    index.add([Document("a", "A red fox.")])
    retriever = RagEmbedRetriever(index)

    async def last() -> list:
        while barrier.n_waiting < 4:  # only turns true if the loop runs while four calls wait
            await asyncio.sleep(0.001)
        return await retriever.aretrieve("fox")

    found = await asyncio.gather(*(retriever.aretrieve("fox") for _ in range(4)), last())
    assert [sources(one) for one in found] == [["a"]] * 5


def test_many_are_encoded_once(retriever, encoder) -> None:
    queries = ["red fox", QueryBundle("deep sea"), "wolf"]
    found = retriever.retrieve_many(queries)
    assert encoder.asked == [["red fox", "deep sea", "wolf"]]
    alone = [retriever.retrieve(query) for query in queries]
    assert [sources(one) for one in found] == [sources(one) for one in alone]
    assert retriever.retrieve_many([]) == []


@pytest.mark.parametrize("query", ["red fox", QueryBundle("red fox")])
def test_many_takes_a_list(retriever, query) -> None:
    with pytest.raises(BadInput, match="list"):
        retriever.retrieve_many(query)


def test_events_of_one_query(retriever, events) -> None:
    retriever.retrieve("red fox")
    mine = [e for e in events if isinstance(e, RetrievalStartEvent | RetrievalEndEvent)]
    assert [type(one) for one in mine] == [RetrievalStartEvent, RetrievalEndEvent]


async def test_events_of_many_queries(index, events) -> None:
    debug = LlamaDebugHandler(print_trace_on_end=False)
    retriever = RagEmbedRetriever(index, callback_manager=CallbackManager([debug]))
    await retriever.aretrieve_many(["red fox", "sea"])
    ended = [one for one in events if isinstance(one, RetrievalEndEvent)]
    assert [one.str_or_query_bundle for one in ended] == ["red fox", "sea"]
    assert [sources(one.nodes)[0] for one in ended] == ["fox", "sea"]
    assert len([one for one in events if isinstance(one, RetrievalStartEvent)]) == 2
    assert len(debug.get_event_pairs(CBEventType.RETRIEVE)) == 2


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_a_copy_finds_the_same(tmp_path, minilm, copied) -> None:
    index = Index.create(tmp_path / "kb", encoder=minilm)
    index.add([Document("a", "A red fox."), Document("b", "The sea.", user="ada")])
    retriever = RagEmbedRetriever(index, user="ada")
    again = copied(retriever)
    assert sources(again.retrieve("sea")) == sources(retriever.retrieve("sea")) == ["b", "a"]
    engine = copied(RetrieverQueryEngine.from_args(retriever, llm=MockLLM()))
    assert sources(engine.query("sea").source_nodes) == ["b", "a"]
    store = RagEmbedVectorStore(tmp_path / "store")
    nodes = VectorStoreIndex.from_documents(
        [LlamaDocument(id_="a", text="A red fox.")],
        embed_model=RagEmbedEmbedding(),
        transformations=[RagEmbedNodeParser()],
        storage_context=StorageContext.from_defaults(vector_store=store),
    )
    assert sources(copied(nodes).as_retriever().retrieve("fox")) == ["a"]


def test_a_query_engine_answers_from_it(retriever) -> None:
    engine = RetrieverQueryEngine.from_args(retriever, llm=MockLLM())
    response = engine.query("red fox")
    assert sources(response.source_nodes)[0] == "fox"
    assert "The red fox runs fast." in str(response)
    assert "rag_embed" not in str(response)


class First(BaseSelector):
    """Always chooses the first."""

    def _get_prompts(self):
        return {}

    def _update_prompts(self, prompts) -> None: ...

    def _select(self, choices, query):
        return SelectorResult(selections=[SingleSelection(index=0, reason="first")])

    async def _aselect(self, choices, query):
        return self._select(choices, query)


async def test_a_router_routes_to_it(retriever, monkeypatch) -> None:
    monkeypatch.setattr(Settings, "_llm", MockLLM())  # RouterRetriever asks for one in any case
    tools = [RetrieverTool.from_defaults(retriever.with_(k=k), description=str(k)) for k in (1, 2)]
    router = RouterRetriever(selector=First(), retriever_tools=tools)
    assert sources(router.retrieve("red fox")) == ["fox"]
    assert sources(await router.aretrieve("red fox")) == ["fox"]


@pytest.mark.parametrize("mode", ["simple", "reciprocal_rerank", "relative_score"])
@pytest.mark.parametrize("use_async", [False, True])
def test_fusion_fuses_it(retriever, mode, use_async) -> None:
    fusion = QueryFusionRetriever(
        [retriever, retriever.with_(where=field("year") > 2019)],
        llm=MockLLM(),
        mode=mode,
        num_queries=1,
        similarity_top_k=2,
        use_async=use_async,
    )
    assert "fox" in sources(fusion.retrieve("red fox"))
