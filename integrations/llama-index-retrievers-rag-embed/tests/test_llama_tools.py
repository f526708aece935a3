"""An index as tools of an agent: the framework's own agent calls them, and a boundary holds."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ChatMessage, ToolCallBlock
from llama_index.core.llms.mock import MockFunctionCallingLLM
from llama_index.core.tools.calling import acall_tool, call_tool
from llama_index.core.vector_stores import FilterOperator, MetadataFilter
from llama_index.retrievers.rag_embed import read_tool, search_tool

from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput

ASKED = "How long may parents stay away? Months for parents"


@pytest.fixture(scope="module")
def index(tmp_path_factory) -> Index:
    index = Index.create(tmp_path_factory.mktemp("tools") / "kb", fields={"year": int})
    index.add(
        [
            Document(
                "leave", "Parents take up to fourteen months.", "Leave", {"year": 2024, "by": "Zoë"}
            ),
            Document("old", "Parents take up to six months.", "Leave", {"year": 1990}),
            Document("pay", "Ann is paid ninety thousand.", user="ann"),
        ]
    )
    return index


def test_content_is_for_the_model_and_nodes_for_the_program(index) -> None:
    found = search_tool(index).call(
        query="how long do parents stay away?", filters={"year": 2024}, budget=60
    )
    assert not found.is_error and found.content.startswith("[1] leave#0-35, relevance 0.")
    [node] = found.raw_output
    assert node.node_id == "leave#0-35" and node.text == "Parents take up to fourteen months."
    assert node.metadata["by"] == "Zoë" and "Zoë" not in found.content and node.score >= 0.1
    around = read_tool(index.store.uri).call(id=node.node_id, show="document")
    assert around.raw_output[0].text == node.text and around.raw_output[0].score is None
    nothing = search_tool(index).call("orbital decay of binary pulsars")
    assert nothing.content.startswith("Nothing relevant") and nothing.raw_output == []


def test_the_schema_tells_the_filters_and_the_budget(index) -> None:
    told = search_tool(index, about="The handbook.").metadata.to_openai_tool()["function"]
    assert told["description"].startswith("The handbook. Find passages")
    assert told["parameters"]["required"] == ["query"]
    known = told["parameters"]["properties"]
    assert known["budget"]["maximum"] == 20000 and "year" in known["filters"]["properties"]
    assert json.loads(search_tool(index).metadata.fn_schema_str)["properties"] == known


def test_what_cannot_be_done_is_told_to_the_model(index) -> None:
    tool = search_tool(index)
    for wrong in ({"query": "x", "k": 10**9}, {"query": 3}, {"query": "x", "user": "ann"}, {}):
        said = tool.call(**wrong)
        assert said.is_error and said.content and said.raw_output == [], wrong


async def test_a_model_cannot_widen_what_the_host_fixed(index) -> None:
    before = MetadataFilter(key="year", value=2000, operator=FilterOperator.LT)
    old = search_tool(index, where=before)
    everything = {"query": "parents, Ann, months", "min_relevance": 0}
    assert {one.node_id for one in call_tool(old, everything).raw_output} == {"old#0-30"}
    narrowed = await acall_tool(old, {**everything, "filters": {"year": 2024}})
    assert narrowed.content == "Nothing passes the filters."
    assert "pay" not in search_tool(index).call(**everything).content
    assert "ninety" in search_tool(index, user="ann").call(query="what is Ann paid?").content
    assert read_tool(index).call(id="pay").is_error
    with pytest.raises(BadInput):
        search_tool(index, user="")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # LlamaIndex looks
async def test_an_agent_searches_reads_and_answers(index) -> None:
    search = search_tool(index, name="search_handbook")
    calls = [("search_handbook", {"query": ASKED}), ("read", {"id": "leave#0-35"})]
    offered: list[str] = []

    def said(messages, tools=(), **_: Any) -> ChatMessage:
        offered[:] = [one.metadata.name for one in tools]
        done = sum(one.role == "tool" for one in messages)
        if done == len(calls):
            return ChatMessage("Up to fourteen months.", role="assistant")
        name, arguments = calls[done]
        call = ToolCallBlock(tool_call_id=str(done), tool_name=name, tool_kwargs=arguments)
        return ChatMessage(role="assistant", blocks=[call])

    model = MockFunctionCallingLLM(response_generator=said, is_chat_model=True)
    agent = FunctionAgent(tools=[search, read_tool(index)], llm=model, streaming=False)
    answer = await agent.run(ASKED)
    assert [one.tool_name for one in answer.tool_calls] == ["search_handbook", "read"]
    assert all("fourteen months" in one.tool_output.content for one in answer.tool_calls)
    assert answer.response.content == "Up to fourteen months."
    assert offered == ["search_handbook", "read"]


def test_newer_documents_come_first_if_the_program_says_so(tmp_path) -> None:
    index = Index.create(tmp_path / "kb", encoder=HashEncoder(), fields={"day": date})
    index.add(
        [
            Document("a-old", "Leave is twenty days.", metadata={"day": date(1990, 1, 1)}),
            Document("b-new", "Leave is twenty days.", metadata={"day": date.today()}),
        ]
    )
    given = {"query": "days of leave", "min_relevance": 0}
    assert search_tool(index).call(**given).raw_output[0].node_id.startswith("a-old")
    for fresh in (30, timedelta(30)):
        found = search_tool(index, fresh=fresh, by="day").call(**given)
        assert found.raw_output[0].node_id.startswith("b-new")
    assert search_tool(index, fresh=30).call(**given, fresh=0).is_error, "no model chooses it"
    with pytest.raises(BadInput, match="declared field of dates"):
        search_tool(index, fresh=30, by="year")
    with pytest.raises(BadInput, match="by names the field"):
        search_tool(index, by="day")
