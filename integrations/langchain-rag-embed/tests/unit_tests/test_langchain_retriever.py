"""`RagEmbedRetriever`: options, metadata, and its place among LangChain's runnables."""

from __future__ import annotations

import inspect
import json

import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.load import dumpd
from langchain_core.runnables import ConfigurableField, RunnablePassthrough
from langchain_core.tools import create_retriever_tool
from langchain_rag_embed import (
    EmbeddingsEncoder,
    RagEmbedDocumentIndex,
    RagEmbedRetriever,
    RagEmbedVectorStore,
    search_tool,
    to_filter,
)
from pydantic import ValidationError

from rag_embed import Document, Hit, Index, field
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput, NoIndex
from rag_embed.ranking import Calibration
from rag_embed.types import Chunk

QUERY = "Where does the red fox hunt mice?"
OPTIONS = [
    {"k": 1},
    {"k": 3},
    {"k": 0},
    {"user": "ada"},
    {"user": None},
    {"where": {"year": {"$gte": 2021}}},
    {"where": field("metadata.year") < 2021},
    {"where": None},
    {"min_relevance": 0.9},
    {"diversity": 0.9},
    {"group_by": "document"},
    {"previous": ["What lives in the sea?"]},
    {"passage_tokens": 40},
    {"passage_tokens": None},
    {"k": 2, "user": "ada", "where": {"$not": {"about": "fox"}}, "diversity": 0.5},
]


def ids(documents):
    return [document.id for document in documents]


@pytest.fixture
def retriever(index):
    return RagEmbedRetriever(index=index)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
async def test_options_of_a_call_are_those_of_the_index_however_it_is_called(retriever, options):
    where = {"$not": {"about": "sea"}}
    set_otherwise = RagEmbedRetriever(index=retriever.index, k=5, user="ada", where=where)
    found = ids(set_otherwise.invoke(QUERY, **options))
    assert ids(await set_otherwise.ainvoke(QUERY, **options)) == found
    assert [ids(some) for some in set_otherwise.batch([QUERY, QUERY], **options)] == [found] * 2
    several = await set_otherwise.abatch([QUERY, QUERY], **options)
    assert [ids(some) for some in several] == [found] * 2
    given = to_filter(options.get("where"))
    both = where if given is None else to_filter(where) & given
    same = RagEmbedRetriever(
        index=retriever.index, **{"k": 5, "user": "ada", **options, "where": both}
    )
    assert ids(same.invoke(QUERY)) == found


def test_a_retriever_finds_what_the_index_finds(retriever, index):
    hits = index.search(QUERY, k=4, user="ada", where=field("metadata.year") >= 2000)
    found = retriever.invoke(QUERY, user="ada", where={"year": {"$gte": 2000}})
    assert ids(found) == [hit.id for hit in hits]


def test_none_in_a_call_replaces_what_was_set_but_for_the_filter(index):
    retriever = RagEmbedRetriever(index=index, user="ada", k=9)
    assert len(retriever.invoke(QUERY)) == 6
    assert len(retriever.invoke(QUERY, user=None)) == 5


async def test_a_filter_is_a_boundary_that_a_call_narrows(index):
    """A filter of a call once took the place of the host's."""
    sea = RagEmbedRetriever(index=index, user="ada", where={"about": "sea"}, k=9)
    [only] = sea.invoke(QUERY)
    assert sea.invoke(QUERY, where=None) == [only]
    for wider in ({"$not": {"about": "nothing"}}, {"about": {"$ne": "sea"}}, {"about": "fox"}):
        expected = [only] if wider == {"$not": {"about": "nothing"}} else []
        assert sea.invoke(QUERY, where=wider) == await sea.ainvoke(QUERY, where=wider) == expected
        assert (
            sea.batch([QUERY], where=wider) == await sea.abatch([QUERY], where=wider) == [expected]
        )
        assert [one.hit.id for one in sea.explain(QUERY, where=wider)] == ids(expected)


@pytest.mark.parametrize(
    "unknown",
    [{"top_k": 3}, {"filter": {"year": 2020}}, {"vectors": {}}, {"text": "other"}],
    ids=str,
)
async def test_an_unknown_option_is_an_error(retriever, unknown):
    with pytest.raises(TypeError, match=next(iter(unknown))):
        retriever.invoke(QUERY, **unknown)
    with pytest.raises(TypeError, match=next(iter(unknown))):
        await retriever.ainvoke(QUERY, **unknown)
    with pytest.raises(TypeError, match=next(iter(unknown))):
        retriever.batch([QUERY, QUERY], **unknown)
    with pytest.raises(TypeError, match=next(iter(unknown))):
        await retriever.abatch([QUERY, QUERY], **unknown)


@pytest.mark.parametrize(
    "wrong",
    [
        {"k": -1},
        {"k": True},
        {"k": "3"},
        {"user": 7},
        {"where": len},
        {"where": {"year": {"$near": 2020}}},
        {"min_relevance": 1.5},
        {"diversity": -0.1},
        {"group_by": "page"},
        {"previous": "a turn"},
    ],
    ids=str,
)
def test_a_wrong_option_is_an_error(retriever, wrong):
    with pytest.raises(ValidationError):
        RagEmbedRetriever(index=retriever.index, **wrong)


@pytest.mark.parametrize(
    "wrong",
    [{"k": -1}, {"where": {"year": None}}, {"diversity": 2}, {"previous": "a turn"}],
    ids=str,
)
def test_a_wrong_option_of_a_call_is_an_error(retriever, wrong):
    with pytest.raises(ValueError, match=r"k must be|\$exists|between 0 and 1|list or tuple"):
        retriever.invoke(QUERY, **wrong)


def test_what_cannot_be_searched_is_refused(index, tmp_path):
    with pytest.raises(ValidationError, match="retrieve") as told:
        RagEmbedRetriever(index=42)
    assert told.value.errors()[0]["msg"].startswith("index must be a rag_embed Index")
    with pytest.raises(TypeError, match="no option 'top_k'; did you mean 'k'"):
        RagEmbedRetriever(index=index, top_k=3)
    with pytest.raises(TypeError, match="no option 'filter'; did you mean 'where'"):
        RagEmbedRetriever(index=index).invoke("fox", filter={})
    with pytest.raises(NoIndex):
        RagEmbedRetriever(index=tmp_path / "nothing")


def test_metadata_says_where_a_chunk_is_and_why_it_was_found(retriever):
    found = retriever.invoke(QUERY, k=1)[0]
    ours = found.metadata.pop("rag_embed")
    assert found.metadata == {"year": 2019, "about": "fox"}
    assert (ours["doc_id"], ours["title"], ours["headings"]) == ("fox", "Fox", [])
    assert (ours["start"], ours["end"]) == (0, len(found.page_content))
    parts = found.explanation
    assert [part["leg"] for part in parts] == ["dense", "lexical"]
    assert sum(part["contribution"] for part in parts) == pytest.approx(found.score)
    assert 0.0 <= found.relevance <= 1.0
    assert json.loads(json.dumps([ours, parts])) == [ours, parts]


def test_a_users_own_keys_stay_and_changing_a_result_changes_nothing_stored():
    class One:
        def retrieve(self, queries):
            hit = Hit(chunk, score=0.5, relevance=0.25)
            return [[hit] for _ in queries]

    own = {"rag_embed": "mine", "score": 3, "tags": ["a"]}
    chunk = Chunk("d#0-3", "d", "red", 0, 3, metadata=own)
    retriever = RagEmbedRetriever(index=One())
    found = retriever.invoke("anything")[0]
    assert found.metadata == own
    assert (found.score, found.relevance) == (0.5, 0.25)
    found.metadata["tags"].append("b")
    assert own == {"rag_embed": "mine", "score": 3, "tags": ["a"]}
    assert retriever._get_ls_params() == {"ls_retriever_name": "rag_embed"}


def test_it_can_be_shown(index):
    retriever = RagEmbedRetriever(index=index, where=field("metadata.year") == 2020)
    assert "where=Compare" in repr(retriever)
    assert dumpd(retriever)["type"] == "not_implemented"


def test_wrapped_retrievers_and_paths_can_be_searched(index, tmp_path):
    assert ids(RagEmbedRetriever(index=index.retriever, k=2).invoke(QUERY)) == ids(
        RagEmbedRetriever(index=index, k=2).invoke(QUERY)
    )
    path = tmp_path / "on-disk"
    Index.create(path)
    assert RagEmbedRetriever(index=str(path)).invoke(QUERY) == []


def test_options_are_configurable(index):
    retriever = RagEmbedRetriever(index=index, k=1).configurable_fields(
        k=ConfigurableField(id="k"),
        user=ConfigurableField(id="user"),
        where=ConfigurableField(id="where"),
    )
    configured = {"k": 9, "user": "ada", "where": {"$not": {"about": "sea"}}}
    config = {"configurable": configured}
    expected = ids(RagEmbedRetriever(index=index, **configured).invoke(QUERY))
    assert len(expected) == 5
    assert ids(retriever.invoke(QUERY, config)) == expected
    assert len(retriever.invoke(QUERY)) == 1
    by_two = retriever.batch([QUERY, QUERY], [config, {"configurable": {"k": 2}}])
    assert [len(some) for some in by_two] == [5, 2]


async def test_it_is_a_part_of_chains(retriever, counting):
    def joined(documents):
        return " ".join(document.page_content for document in documents)

    chain = {"context": retriever.bind(k=1) | joined, "question": RunnablePassthrough()} | (
        RunnablePassthrough()
    )
    expected = {"context": "The red fox hunts mice in the snow.", "question": QUERY}
    assert chain.invoke(QUERY) == expected
    assert await chain.ainvoke(QUERY) == expected
    assert chain.batch([QUERY, QUERY]) == [expected, expected]
    counting.queries.clear()
    assert (retriever.bind(k=1) | joined).batch([QUERY] * 3) == [expected["context"]] * 3
    assert counting.queries == [3]
    assert [ids(some) for some in retriever.stream(QUERY)] == [ids(retriever.invoke(QUERY))]


async def test_events_are_streamed(retriever):
    events = [event async for event in retriever.astream_events(QUERY, version="v2")]
    assert [event["event"] for event in events] == ["on_retriever_start", "on_retriever_end"]
    assert ids(events[1]["data"]["output"]) == ids(retriever.invoke(QUERY))


async def test_it_is_a_tool(retriever):
    tool = create_retriever_tool(retriever.with_config(tags=["t"]), "animals", "Knows animals.")
    assert "hunts mice" in tool.invoke({"query": QUERY})
    assert "hunts mice" in await tool.ainvoke({"query": QUERY})


@pytest.mark.filterwarnings("ignore:This API is in beta")  # LangChain says so of as_tool
def test_it_can_be_made_a_tool(retriever):
    plain = retriever.as_tool(name="animals", description="Knows animals.")
    assert ids(plain.invoke(QUERY)) == ids(retriever.invoke(QUERY))


def test_traces_name_the_model(retriever):
    assert retriever._get_ls_params(k=3) == {
        "ls_retriever_name": "rag_embed",
        "ls_vector_store_provider": "lancedb",
        "ls_embedding_provider": "rag_embed",
        "ls_embedding_model": "hash",
    }
    encoder = EmbeddingsEncoder(DeterministicFakeEmbedding(size=4))
    other = RagEmbedRetriever(index=Index.in_memory(encoder=encoder))
    assert other._get_ls_params()["ls_embedding_provider"] == "DeterministicFakeEmbedding"
    assert other._get_ls_params()["ls_vector_store_provider"] == "memory"


async def test_passages_of_what_was_found(tmp_path):
    index = Index.create(tmp_path / "kb", encoder=HashEncoder(), chunk_tokens=8)
    index.add(Document("fox", "A red fox hunts mice. It hears them in the snow. It sleeps by day."))
    index.experts.calibrate(Calibration(1.0, 0.0, 5.0))  # all of it is relevant
    hits = index.search("fox snow day", k=4)
    [passage] = index.contents.passages(hits, 100)
    retriever = RagEmbedRetriever(index=index, passage_tokens=100)
    [found] = retriever.invoke("fox snow day")
    assert len(hits) > 1 and found.page_content == passage.text
    assert (found.score, found.metadata["rag_embed"]["end"]) == (hits[0].score, passage.end)
    assert (
        await retriever.abatch(["fox snow day"]) == retriever.batch(["fox snow day"]) == [[found]]
    )
    assert len(retriever.invoke("fox snow day", passage_tokens=None)) == len(hits)
    with pytest.raises(ValidationError):
        RagEmbedRetriever(index=index, passage_tokens=0)
    with pytest.raises(BadInput, match="budget"):
        retriever.invoke("fox", passage_tokens=0)


def test_what_only_an_index_can_do(retriever, index):
    assert retriever.remember("ada", ["She likes foxes."]) == 1
    [event] = index.users.profiles.history("ada").events
    assert retriever.forget("ada", [event.id]) == 1 and retriever.forget("ada") == 1
    assert ids(retriever.invoke("red fox called Rob", k=9, user="ada")) == ids(
        retriever.invoke("red fox called Rob", k=9)
    )
    other = RagEmbedRetriever(index=index.retriever)
    for call in (
        lambda: other.remember("ada", ["x"]),
        lambda: other.forget("ada"),
        lambda: other.explain("fox"),
        lambda: other.invoke("fox", passage_tokens=9),
    ):
        with pytest.raises(BadInput, match="needs an Index"):
            call()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: RagEmbedRetriever("kb"), r'by name: RagEmbedRetriever\(index="kb"\)'),
        (lambda: RagEmbedDocumentIndex("kb"), r"RagEmbedDocumentIndex\(store="),
        (lambda: RagEmbedVectorStore("kb", "model"), r"RagEmbedVectorStore\(..., embedding=...\)"),
        (lambda: search_tool("kb", "search"), r"search_tool\(..., name=...\)"),
    ],
)
def test_options_without_a_name_are_told_theirs(make, said) -> None:
    with pytest.raises(TypeError, match=said):
        make()


def test_the_retriever_shows_its_options_and_no_others() -> None:
    shown = inspect.signature(RagEmbedRetriever).parameters
    assert {"index", "k", "fresh", "by"} <= set(shown)


@pytest.mark.parametrize("option", ["min_relevance", "diversity", "fresh"])
def test_a_text_is_no_number(index, option) -> None:
    with pytest.raises(ValueError, match=option):
        RagEmbedRetriever(index=index, **{option: "0.5"})
