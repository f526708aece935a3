"""Passages before the model: searched once a run, within a budget, for one user, or honestly none."""

from __future__ import annotations

from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.language_models import FakeMessagesListChatModel
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_rag_embed import read_tool
from langchain_rag_embed.middleware import INSTRUCTIONS, PassagesMiddleware
from langgraph.checkpoint.memory import InMemorySaver

from rag_embed import Document, Index, Query
from rag_embed.errors import BadInput
from rag_embed.serving.library import Shelf

NEW = {"year": {"$ne": 1990}}
ASKED = "How long may parents stay away?"


class Recording(FakeMessagesListChatModel):
    """Says its lines in turn, and keeps what it was told."""

    told: list[Any] = []  # noqa: RUF012  # a field of pydantic

    def bind_tools(self, tools, **_: Any) -> Recording:
        return self

    def _generate(self, messages, *args: Any, **options: Any):
        self.told.append(messages)
        return super()._generate(messages, *args, **options)


@pytest.fixture(scope="module")
def index(tmp_path_factory) -> Index:
    index = Index.create(tmp_path_factory.mktemp("middleware") / "kb", fields={"year": int})
    index.add(
        [
            Document("leave", "Parents may stay away for fourteen months.", "Leave"),
            Document("old", "Parents may stay away for six months.", "Leave", {"year": 1990}),
            Document("pay", "Ann is paid ninety thousand.", user="ann"),
            *(Document(f"tea{i}", f"Tea number {i} is served hot, with milk.") for i in range(30)),
        ]
    )
    return index


def model(*lines: AIMessage) -> Recording:
    return Recording(responses=list(lines or [AIMessage("Done.")]), told=[])


def asking(*messages: Any) -> dict[str, Any]:
    return {"messages": list(messages)}


async def test_what_the_model_reads_and_the_program_gets(index) -> None:
    for way in ("sync", "async"):
        reads = model()
        agent = create_agent(
            reads, system_prompt="Be short.", middleware=[PassagesMiddleware(index, k=1, where=NEW)]
        )
        given = asking(HumanMessage("Hello."), AIMessage("Hello!"), HumanMessage(ASKED))
        state = agent.invoke(given) if way == "sync" else await agent.ainvoke(given)
        system, *rest = reads.told[0]
        assert isinstance(system, SystemMessage)
        assert system.text.startswith(
            f"Be short.\n\n{INSTRUCTIONS}\n\n[1] leave#0-42, relevance 0."
        )
        assert system.text.endswith("\nParents may stay away for fourteen months.")
        assert [one.text for one in rest] == ["Hello.", "Hello!", ASKED]
        assert [one.id for one in state["passages"]] == ["leave#0-42"]
        assert not any("fourteen" in one.text for one in state["messages"])


def test_nothing_relevant_is_said(index) -> None:
    for question in ("Orbital decay of binary pulsars?", "  "):
        reads = model()
        agent = create_agent(reads, middleware=[PassagesMiddleware(index)])
        state = agent.invoke(asking(HumanMessage(question)))
        [system, _] = reads.told[0]
        expected = "Nothing relevant: the best" if question.strip() else "There is no question"
        assert expected in system.text and state["passages"] == []


def test_one_search_a_run_and_a_new_one_for_the_next(index, monkeypatch) -> None:
    searches: list[str] = []
    within = Shelf.within

    def counted(self: Shelf, query: Query) -> Query:
        searches.append(query.text)
        return within(self, query)

    monkeypatch.setattr(Shelf, "within", counted)
    call = {"name": "read", "args": {"id": "leave#0-42"}, "id": "1"}
    reads = model(AIMessage("", tool_calls=[call]), AIMessage("Fourteen."), AIMessage("Hot."))
    agent = create_agent(
        reads,
        [read_tool(index)],
        middleware=[PassagesMiddleware(index)],
        checkpointer=InMemorySaver(),
    )
    thread: Any = {"configurable": {"thread_id": "1"}}
    agent.invoke(asking(HumanMessage(ASKED)), thread)
    assert searches == [ASKED] and len(reads.told) == 2
    assert all("fourteen" in told[0].text for told in reads.told)
    state = agent.invoke(asking(HumanMessage("How is tea number 7 served?")), thread)
    assert len(searches) == 2 and "Tea number 7" in reads.told[2][0].text
    assert "fourteen" not in reads.told[2][0].text and len(state["messages"]) == 6


def test_a_budget_in_tokens(index) -> None:
    lengths = {}
    for budget in (60, 400):
        reads = model()
        middleware = PassagesMiddleware(index, budget=budget, k=30, min_relevance=0)
        create_agent(reads, middleware=[middleware]).invoke(asking(HumanMessage("How is tea?")))
        said = reads.told[0][0].text.removeprefix(INSTRUCTIONS).rpartition("\n\n")[0]
        lengths[budget] = len(index.spaces.own.encoder.token_spans(said))
        assert "did not fit the budget" in reads.told[0][0].text
    assert lengths[60] <= 60 < lengths[400] <= 400


def test_a_boundary_per_run(index) -> None:
    reads = model()
    middleware = PassagesMiddleware(
        index, user=lambda context: context["user"], min_relevance=0, where=NEW
    )
    agent = create_agent(reads, middleware=[middleware], context_schema=dict)
    for user, seen in (("ann", True), ("bob", False), (None, False)):
        given = asking(HumanMessage("What is Ann paid? How long may parents stay away?"))
        found = agent.invoke(given, context={"user": user})["passages"]
        assert ("pay#0-28" in {one.id for one in found}) is seen
        assert "old#0-37" not in {one.id for one in found}
        assert ("ninety" in reads.told[-1][0].text) is seen
    with pytest.raises(BadInput):
        agent.invoke(asking(HumanMessage("What is Ann paid?")), context={"user": ""})


@pytest.mark.parametrize(
    "wrong", [{"k": 0}, {"budget": 10}, {"min_relevance": 2}, {"user": ""}, {"where": {"$x": 1}}]
)
def test_wrong_options_are_refused_when_it_is_made(index, wrong) -> None:
    with pytest.raises(BadInput):
        PassagesMiddleware(index, **wrong)
