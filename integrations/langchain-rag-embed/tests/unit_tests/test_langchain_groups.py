"""Groups of readers: whoever adds names them, whoever asks is in some, and no model says which."""

from __future__ import annotations

import pytest
from langchain_core.documents import Document as LangChainDocument
from langchain_core.runnables import ConfigurableField
from langchain_rag_embed import (
    RagEmbedDocumentIndex,
    RagEmbedRetriever,
    RagEmbedVectorStore,
    read_tool,
    search_tool,
    to_documents,
)

from rag_embed import Index
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput

OPEN, PAY = "The red fox runs.", "The red fox is paid in Zanzibar."


@pytest.fixture
def store() -> RagEmbedVectorStore:
    store = RagEmbedVectorStore(embedding=HashEncoder(64))
    store.add_texts([OPEN], ids=["open"])
    store.add_documents([LangChainDocument(PAY, id="pay")], readers=["hr", "board"])
    store.add_texts(["A red fox of Ada."], ids=["ada"], user="ada", readers=["hr"])
    return store


def ids(found) -> list[str]:
    return sorted(one.id for one in found)


def test_a_store_finds_gets_and_deletes_what_is_for_the_groups(store) -> None:
    for options, seen in (
        ({}, ["open"]),
        ({"user": "hr"}, ["open"]),
        ({"groups": ["board"]}, ["open", "pay"]),
        ({"groups": ["hr"]}, ["ada", "open", "pay"]),
        ({"user": "ada", "groups": ["cooks"]}, ["ada", "open"]),
    ):
        assert ids(store.similarity_search("red fox", 9, **options)) == seen
        vector = store.embeddings.embed_query("red fox")
        assert ids(store.similarity_search_by_vector(vector, 9, **options)) == seen
        assert ids(store.get_by_ids(["open", "pay", "ada"], **options)) == seen
    store.delete(["pay", "ada"], user=None, groups=["cooks"])
    assert ids(store.get_by_ids(["pay", "ada"], groups=["hr"])) == ["ada", "pay"]
    store.delete(["pay", "ada"], user=None, groups=["board"])
    assert ids(store.get_by_ids(["pay", "ada"], groups=["hr"])) == ["ada"]
    index = RagEmbedDocumentIndex(store=store)
    index.upsert([LangChainDocument(PAY, id="pay")], readers=["board"])
    assert index.get(["pay"]) == [] and ids(index.get(["pay"], groups=["board"])) == ["pay"]
    assert index.delete(["pay"], user=None)["num_deleted"] == 0
    with pytest.raises(BadInput, match="everybody would read it"):
        store.add_texts(["x"], readers=[])


def test_what_was_found_and_is_added_again_stays_for_its_groups(store) -> None:
    [found] = store.get_by_ids(["pay"], groups=["board"])
    found.metadata["seen"] = True
    store.add_documents([found, LangChainDocument("A new fox.", id="new")])
    RagEmbedDocumentIndex(store=store).upsert(store.get_by_ids(["ada"], groups=["hr"]), user="ada")
    assert ids(store.get_by_ids(["open", "pay", "ada", "new"])) == ["new", "open"]
    [again] = store.get_by_ids(["pay"], groups=["hr"])
    assert again.metadata == {"seen": True}, "readers are not told of each other"
    assert ids(store.get_by_ids(["ada"], groups=["hr"])) == ["ada"]
    store.add_documents([found], readers=["cooks"])
    assert store.get_by_ids(["pay"], groups=["hr"]) == []
    store.delete(["pay"])
    store.add_documents([found])
    assert ids(store.get_by_ids(["pay"])) == ["pay"]


def test_a_retriever_and_tools_ask_for_groups(store) -> None:
    retriever = RagEmbedRetriever(index=store.index, k=9, groups=["board"])
    said = {one.page_content for one in retriever.invoke("red fox")}
    assert said == {OPEN, PAY}
    assert {one.page_content for one in retriever.invoke("red fox", groups=())} == {OPEN}
    assert len(retriever.batch(["red fox"], groups=["hr"])[0]) == 3
    field = ConfigurableField(id="groups")
    per_user = retriever.configurable_fields(groups=field)
    found = per_user.invoke("red fox", config={"configurable": {"groups": ("hr",)}})
    assert len(found) == 3
    index = store.index
    assert "Zanzibar" not in str(search_tool(index).invoke({"query": "fox", "min_relevance": 0}))
    mine = {"groups": ["board"]}
    assert "Zanzibar" in str(
        search_tool(index, **mine).invoke({"query": "fox", "min_relevance": 0})
    )
    assert "Zanzibar" in str(read_tool(index, **mine).invoke({"id": "pay"}))
    assert "Zanzibar" not in str(read_tool(index).invoke({"id": "pay"}))
    named = search_tool(index).invoke({"query": "fox", "min_relevance": 0, "groups": ["board"]})
    assert "Zanzibar" not in str(named)


def test_what_a_loader_yields_is_for_groups() -> None:
    index = Index.in_memory(encoder=HashEncoder(64))
    loaded = [LangChainDocument(PAY, metadata={"source": "pay.txt", "readers": ["everybody"]})]
    index.add(to_documents(loaded, readers=["hr"]))
    assert index.search("fox", groups=["everybody"]) == []
    assert index.search("fox", groups=["hr"])[0].text == PAY


def test_the_middleware_takes_groups_from_the_context(store) -> None:
    pytest.importorskip("langchain.agents")
    from langchain.agents import create_agent
    from langchain_core.language_models import FakeListChatModel
    from langchain_rag_embed.middleware import PassagesMiddleware

    told = PassagesMiddleware(
        store.index, groups=lambda context: context["groups"], min_relevance=0, budget=300
    )
    model = FakeListChatModel(responses=["."] * 2)
    agent = create_agent(model, middleware=[told], context_schema=dict)
    asked = {"messages": [("user", "Where is the red fox paid?")]}
    for groups, seen in (([], False), (["board"], True)):
        state = agent.invoke(asked, context={"groups": groups})
        assert ("Zanzibar" in state["passages_text"]) == seen
