"""LlamaIndex's engines over our retriever: tools, routed, in parts, recursive, merging, in a workflow."""

from __future__ import annotations

import pytest
from llama_index.core import Settings, StorageContext
from llama_index.core.base.base_selector import BaseSelector, SelectorResult, SingleSelection
from llama_index.core.llms import MockLLM
from llama_index.core.query_engine import (
    RetrieverQueryEngine,
    RouterQueryEngine,
    SubQuestionQueryEngine,
)
from llama_index.core.question_gen.types import BaseQuestionGenerator, SubQuestion
from llama_index.core.response_synthesizers import ResponseMode, get_response_synthesizer
from llama_index.core.retrievers import AutoMergingRetriever, RecursiveRetriever
from llama_index.core.schema import IndexNode, NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.tools import QueryEngineTool, RetrieverTool
from llama_index.core.workflow import StartEvent, StopEvent, Workflow, step
from llama_index.retrievers.rag_embed import RagEmbedIndexer, RagEmbedRetriever

from rag_embed import Index, field
from rag_embed.encoders import HashEncoder


@pytest.fixture
def engine(retriever):
    return RetrieverQueryEngine.from_args(retriever, llm=MockLLM())


def tool(engine, name: str) -> QueryEngineTool:
    return QueryEngineTool.from_defaults(engine, name=name, description=f"Knows of {name}.")


class First(BaseSelector):
    """Takes the choice whose description names the question's last word."""

    def _select(self, choices, query):
        word = query.query_str.split()[-1]
        found = next(i for i, one in enumerate(choices) if word in one.description)
        return SelectorResult(selections=[SingleSelection(index=found, reason="named")])

    async def _aselect(self, choices, query):
        return self._select(choices, query)

    def _get_prompts(self):
        return {}

    def _update_prompts(self, prompts) -> None: ...


class Parts(BaseQuestionGenerator):
    """A question about two things, as two."""

    def generate(self, tools, query):
        return [
            SubQuestion(sub_question=f"Where is the {one.name}?", tool_name=one.name)
            for one in tools
        ]

    async def agenerate(self, tools, query):
        return self.generate(tools, query)

    def _get_prompts(self):
        return {}

    def _update_prompts(self, prompts) -> None: ...


async def test_as_tools(engine, retriever) -> None:
    said = tool(engine, "animals").call("red fox")
    assert "The red fox runs fast." in said.content and not said.is_error
    assert "fox" in {one.node.ref_doc_id for one in said.raw_output.source_nodes}
    asked = RetrieverTool.from_defaults(retriever, name="animals", description="Knows animals.")
    assert "The red fox runs fast." in asked.call("red fox").content
    assert "The red fox runs fast." in (await asked.acall("red fox")).content


async def test_a_router_engine(retriever) -> None:
    names = {"fox": field("doc_id") == "fox", "sea": field("doc_id") == "sea"}
    tools = [
        tool(RetrieverQueryEngine.from_args(retriever.with_(where=where), llm=MockLLM()), name)
        for name, where in names.items()
    ]
    router = RouterQueryEngine(selector=First(), query_engine_tools=tools, llm=MockLLM())
    for name in names:
        found = router.query(f"tell me of the {name}").source_nodes
        assert {one.node.ref_doc_id for one in found} == {name}
        again = (await router.aquery(f"tell me of the {name}")).source_nodes
        assert [one.node_id for one in again] == [one.node_id for one in found]


def test_a_question_in_parts(retriever, monkeypatch) -> None:
    monkeypatch.setattr(Settings, "_llm", MockLLM())  # the engine asks for one in any case
    tools = [
        tool(
            RetrieverQueryEngine.from_args(
                retriever.with_(where=field("doc_id") == name), llm=MockLLM()
            ),
            name,
        )
        for name in ("fox", "sea")
    ]
    parts = SubQuestionQueryEngine.from_defaults(
        query_engine_tools=tools,
        question_gen=Parts(),
        response_synthesizer=get_response_synthesizer(
            llm=MockLLM(), response_mode=ResponseMode.COMPACT
        ),
        verbose=False,
        use_async=False,
    )
    found = {one.node.ref_doc_id for one in parts.query("fox and sea").source_nodes}
    assert {"fox", "sea"} <= found


def test_recursive_retrieval_follows_what_is_found(retriever, tmp_path) -> None:
    index = Index.create(tmp_path / "books", encoder=HashEncoder())
    books = [IndexNode(text="A book of animals: fox and wolf.", index_id="animals", id_="book")]
    RagEmbedIndexer(index)(books)
    recursive = RecursiveRetriever(
        "books", retriever_dict={"books": RagEmbedRetriever(index, k=1), "animals": retriever}
    )
    assert [one.node_id for one in recursive.retrieve("red fox")] == [
        one.node_id for one in retriever.retrieve("red fox")
    ]


def test_neighbours_are_merged_into_their_parent(tmp_path) -> None:
    parent = TextNode(id_="chapter", text="Foxes hunt mice. Foxes dig dens. Foxes sleep.")
    leaves = [
        TextNode(
            id_=f"leaf{i}",
            text=text,
            relationships={NodeRelationship.PARENT: RelatedNodeInfo(node_id="chapter")},
        )
        for i, text in enumerate(("Foxes hunt mice.", "Foxes dig dens.", "Foxes sleep."))
    ]
    parent.relationships = {
        NodeRelationship.CHILD: [RelatedNodeInfo(node_id=one.node_id) for one in leaves]
    }
    storage = StorageContext.from_defaults()
    storage.docstore.add_documents([parent, *leaves])
    index = Index.create(tmp_path / "leaves", encoder=HashEncoder())
    RagEmbedIndexer(index)(leaves)
    merging = AutoMergingRetriever(RagEmbedRetriever(index, k=2), storage, simple_ratio_thresh=0.5)
    assert [one.node_id for one in merging.retrieve("foxes hunt and dig")] == ["chapter"]


async def test_in_a_workflow(retriever) -> None:
    class Asking(Workflow):
        @step
        async def search(self, event: StartEvent) -> StopEvent:
            found = await retriever.aretrieve(event.question)
            enough = [one for one in found if one.relevance >= 0.2]
            return StopEvent(result=[one.text for one in enough] or "nothing relevant")

    assert (await Asking().run(question="red fox"))[0] == "The red fox runs fast."
