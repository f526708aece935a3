"""An index as tools of an agent: the framework's own agent calls them, and a boundary holds."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.documents import Document as LangChainDocument
from langchain_core.language_models import FakeMessagesListChatModel
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_rag_embed import read_tool, search_tool
from langchain_rag_embed.middleware import PassagesMiddleware
from langgraph.runtime import Runtime

from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput


class Scripted(FakeMessagesListChatModel):
    """Says its lines in turn; keeps what it was offered."""

    offered: list[Any] = []  # noqa: RUF012  # a field of pydantic

    def bind_tools(self, tools, **_: Any) -> Scripted:
        self.offered.extend(tools)
        return self


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


def asked(tool, **arguments: object) -> ToolMessage:
    return tool.invoke({"name": tool.name, "args": arguments, "id": "1", "type": "tool_call"})


def test_content_is_for_the_model_and_documents_for_the_program(index) -> None:
    message = asked(
        search_tool(index), query="how long do parents stay away?", filters={"year": 2024}
    )
    assert message.status == "success" and message.content.startswith(
        "[1] leave#0-35, relevance 0."
    )
    [found] = message.artifact
    assert isinstance(found, LangChainDocument) and found.id == "leave#0-35"
    assert found.page_content == "Parents take up to fourteen months."
    assert (found.metadata["year"], found.metadata["by"]) == (
        2024,
        "Zoë",
    ) and "Zoë" not in message.content
    assert found.metadata["rag_embed"]["doc_id"] == "leave"
    around = asked(read_tool(index.store.uri), id=found.id, show="document")
    assert around.artifact[0].page_content == found.page_content
    nothing = asked(search_tool(index), query="orbital decay of binary pulsars")
    assert nothing.content.startswith("Nothing relevant") and nothing.artifact == []


def test_what_cannot_be_done_is_told_to_the_model(index) -> None:
    tool = search_tool(index)
    for wrong in ({"query": "x", "k": 10**9}, {"query": 3}, {"query": "x", "user": "ann"}, {}):
        message = asked(tool, **wrong)
        assert message.status == "error" and message.artifact is None, wrong


def test_a_model_cannot_widen_what_the_host_fixed(index) -> None:
    old = search_tool(index, where={"year": {"$lt": 2000}})
    everything = {"query": "parents, Ann, months", "min_relevance": 0}
    assert {one.id for one in asked(old, **everything).artifact} == {"old#0-30"}
    assert asked(old, **everything, filters={"year": 2024}).content == "Nothing passes the filters."
    assert "pay" not in asked(search_tool(index), **everything).content
    assert "ninety" in asked(search_tool(index, user="ann"), query="what is Ann paid?").content
    assert asked(read_tool(index), id="pay").status == "error"
    with pytest.raises(BadInput):
        search_tool(index, user="")


async def test_an_agent_searches_reads_and_answers(index) -> None:
    search = search_tool(index, name="search_handbook", about="The handbook of a company.")
    calls = [
        {"name": "search_handbook", "args": {"query": "how long do parents stay away?"}, "id": "1"},
        {"name": "read", "args": {"id": "leave#0-35"}, "id": "2"},
    ]
    lines = [
        *(AIMessage("", tool_calls=[one]) for one in calls),
        AIMessage("Up to fourteen months."),
    ]
    model = Scripted(responses=lines)
    agent = create_agent(model, [search, read_tool(index)])
    state = await agent.ainvoke({"messages": [("user", "How long may parents stay away?")]})
    told = [one for one in state["messages"] if isinstance(one, ToolMessage)]
    assert [one.name for one in told] == ["search_handbook", "read"]
    assert all("fourteen months" in one.content for one in told) and told[0].artifact
    assert model.offered[0].description.startswith("The handbook of a company. Find passages")
    assert state["messages"][-1].text == "Up to fourteen months."


def test_newer_documents_come_first_if_the_program_says_so(tmp_path) -> None:
    index = Index.create(tmp_path / "kb", encoder=HashEncoder(), fields={"day": date})
    index.add(
        [
            Document("a-old", "Leave is twenty days.", metadata={"day": date(1990, 1, 1)}),
            Document("b-new", "Leave is twenty days.", metadata={"day": date.today()}),
        ]
    )
    given = {"query": "days of leave", "min_relevance": 0}
    assert asked(search_tool(index), **given).artifact[0].id.startswith("a-old")
    for fresh in (30, timedelta(30)):
        tool = search_tool(index, fresh=fresh, by="day")
        assert asked(tool, **given).artifact[0].id.startswith("b-new")
        assert "fresh" not in tool.args, "no model chooses it"
    middleware = PassagesMiddleware(index, fresh=30, min_relevance=0)
    messages = {"messages": [HumanMessage("days of leave")]}
    assert middleware.before_agent(messages, Runtime())["passages"][0].id.startswith("b-new")
    for make in (search_tool, PassagesMiddleware):
        with pytest.raises(BadInput, match="declared field of dates"):
            make(index, fresh=30, by="year")
        with pytest.raises(BadInput, match="by names the field"):
            make(index, by="day")
