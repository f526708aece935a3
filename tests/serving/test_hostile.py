"""Arguments that want to break out: every one is answered by a sentence, and no private word."""

from __future__ import annotations

import logging

import pytest
from serving.conftest import SECRET

from rag_embed import Index
from rag_embed.errors import BadInput
from rag_embed.serving import Library, tools
from rag_embed.serving.tool import FAILED


@pytest.fixture(scope="module")
def index(handbook) -> Index:
    return Index.open(handbook)


@pytest.fixture(scope="module")
def desk(index):
    return {tool.name: tool for tool in tools(Library.of({"handbook": index}))}


WRONG = [
    ("search", {}, "search needs query"),
    ("search", {"query": None}, "search needs query"),
    ("search", {"query": ""}, "query has 1 to 4000 characters, got 0"),
    ("search", {"query": "x" * 4001}, "got 4001"),
    ("search", {"query": ["x"]}, "query must be a text, got a list"),
    ("search", {"query": "x", "k": 0}, "k is between 1 and 50, got 0"),
    ("search", {"query": "x", "k": 10**30}, "got a number of more than 20 digits"),
    ("search", {"query": "x", "k": -1}, "k is between 1 and 50"),
    ("search", {"query": "x", "k": "5"}, "k must be a whole number, got a text"),
    ("search", {"query": "x", "k": 1.5}, "k must be a whole number, got a number"),
    ("search", {"query": "x", "k": True}, "got true or false"),
    ("search", {"query": "x", "k": float("inf")}, "k must be a whole number"),
    ("search", {"query": "x", "budget": 10**9}, "budget is between 50 and 20000"),
    ("search", {"query": "x", "min_relevance": float("nan")}, "min_relevance is between"),
    ("search", {"query": "x", "min_relevance": "high"}, "min_relevance must be a number"),
    ("search", {"query": "x", "user": "ann"}, "not 'user'"),
    ("search", {"query": "x", "where": "1=1"}, "not 'where'"),
    ("search", {"query": "x", "filter": {}}, "Did you mean filters?"),
    ("search", {"query": "x", "filters": "year = 2020"}, "filters must be an object"),
    ("search", {"query": "x", "filters": {"user_id": "ann"}}, "not 'user_id'"),
    ("search", {"query": "x", "filters": {"user_id": {"missing": False}}}, "not 'user_id'"),
    ("search", {"query": "x", "filters": {"metadata.x": 1}}, "not 'metadata.x'"),
    ("search", {"query": "x", "filters": {"year' OR 1=1 --": 1}}, "filters knows"),
    ("search", {"query": "x", "filters": {"year": "2020"}}, "filters.year must be a whole number"),
    ("search", {"query": "x", "filters": {"year": 10**40}}, "filters.year must be"),
    ("search", {"query": "x", "filters": {"year": float("inf")}}, "filters.year must be"),
    ("search", {"query": "x", "filters": {"year": True}}, "filters.year must be"),
    ("search", {"query": "x", "filters": {"year": {}}}, "filters.year is an empty object"),
    ("search", {"query": "x", "filters": {"year": []}}, "filters.year lists 1 to 100 values"),
    ("search", {"query": "x", "filters": {"year": [1] * 101}}, "got 101"),
    ("search", {"query": "x", "filters": {"year": {"$gt": 1}}}, "filters.year takes"),
    ("search", {"query": "x", "filters": {"year": {"gt": {"gt": 1}}}}, "got an object"),
    ("search", {"query": "x", "filters": {"year": {"missing": 1}}}, "must be true or false"),
    ("search", {"query": "x", "filters": {"tags": {"contains": "h"}}}, "filters.tags takes"),
    ("search", {"query": "x", "filters": {"day": "yesterday"}}, "a date such as"),
    ("search", {"query": "x", "filters": {"ok": 1}}, "filters.ok must be true or false"),
    ("read", {}, "read needs id"),
    ("read", {"id": "../../etc/passwd"}, "no passage or document"),
    ("read", {"id": "/etc/passwd"}, "no passage or document"),
    ("read", {"id": "file:///etc/passwd#0-10"}, "no passage or document"),
    ("read", {"id": "handbook/leave.md#0-999999"}, "no passage or document"),
    ("read", {"id": "handbook/leave.md#9-9"}, "no passage or document"),
    ("read", {"id": "handbook/leave.md#-1-5"}, "no passage or document"),
    ("read", {"id": "handbook/leave.md#" + "9" * 999 + "-" + "9" * 1000}, "no passage or document"),
    ("read", {"id": "a\ud800b\x00"}, "no passage or document"),
    ("read", {"id": "' OR '1'='1"}, "no passage or document"),
    ("read", {"id": "ann/pay"}, "no passage or document"),
    ("read", {"id": "ann/pay#0-20"}, "no passage or document"),
    ("read", {"id": "handbook/leave.md", "start": 10**12 + 1}, "start is between"),
    ("read", {"id": "handbook/leave.md", "start": 10**9}, "start before the end of the document"),
    ("read", {"id": "handbook/leave.md", "start": 9, "end": 3}, "start and end are in order"),
    ("read", {"id": "handbook/leave.md", "show": "everything"}, "show is one of"),
    ("read", {"id": "handbook/leave.md", "show": "section"}, "this is the id of a document"),
    ("read", {"id": "x", "before": 21}, "before is between 0 and 20"),
    ("list", {"documents": 201}, "documents is between 0 and 200"),
    ("list", {"after": 7}, "after must be a text"),
    ("list", {"user": "ann"}, "not 'user'"),
]


@pytest.mark.parametrize(("name", "given", "said"), WRONG)
def test_what_cannot_be_is_told_in_words(desk, handbook, name, given, said) -> None:
    answer = desk[name].call(given)
    assert answer.failed and said in answer.text and answer.data == {}
    assert handbook not in answer.text and "Traceback" not in answer.text
    assert answer.text.isprintable() and len(answer.text) < 400


ODD = [
    "a\ud800b",
    "\x00",
    "🦊" * 900,
    "((((" * 900,
    "' OR 1=1 --",
    "\u202e",
    "ann/pay",
    SECRET,
    "%s{0}$x",
]


@pytest.mark.parametrize("text", ODD)
def test_any_text_can_be_asked(desk, text) -> None:
    answer = desk["search"].call({"query": text, "min_relevance": 0, "budget": 20000, "k": 50})
    assert not answer.failed
    assert {one["doc_id"].split("/")[0] for one in answer.data["passages"]} <= {"handbook", "evil"}
    listed = desk["list"].call({"filters": {"doc_id": text, "title": {"contains": text}}})
    assert listed.data["collections"][0]["matching"] == 0


def test_what_others_own_leaves_no_trace(index, tmp_path) -> None:
    """With and without the documents of others the answers are the same, to the last figure."""
    public = Index.create(
        tmp_path / "public", chunk_tokens=20, fields=dict(index.store.fields.types)
    )
    public.add(index.contents.documents(index.contents.matching()))
    asked = [
        ("search", {"query": SECRET, "min_relevance": 0, "k": 50, "budget": 20000}),
        ("search", {"query": "who is paid?", "filters": {"year": 2024}}),
        ("list", {"documents": 200}),
        ("read", {"id": "ann/pay"}),
    ]
    for name, given in asked:
        seen, alone = (
            next(tool for tool in tools(Library.of({"handbook": one})) if tool.name == name).call(
                given
            )
            for one in (index, public)
        )
        assert seen == alone


def test_the_user_is_whom_the_host_names(index) -> None:
    search, read, list_ = tools(Library.of({"handbook": index}, user="ann"))
    assert SECRET in search.call({"query": "where does Ann live?"}).text
    assert read.call({"id": "ann/pay"}).data["text"] == SECRET
    assert read.call({"id": "bob/pay"}).failed
    assert list_.call({}).data["collections"][0]["documents"] == 4
    assert "bob/pay" not in list_.call({"documents": 50}).text


def test_what_breaks_inside_is_for_the_log(index, monkeypatch, caplog) -> None:
    [search, *_] = tools(Library.of({"handbook": index}))

    def broken(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error", "/srv/secret/path")

    monkeypatch.setattr(Index, "retriever", property(broken))
    with caplog.at_level(logging.ERROR):
        answer = search.call({"query": "x"})
    assert answer.failed and answer.text == FAILED and "/srv/secret/path" in caplog.text


@pytest.mark.parametrize("name", ["", "a b", "../x", "é", "x" * 65])
def test_names_of_indexes(index, name) -> None:
    with pytest.raises(BadInput, match="needs a name of letters"):
        Library.of({name: index})
    with pytest.raises(BadInput, match="an index at least"):
        Library.of({})
    with pytest.raises(BadInput, match="user"):
        Library.of({"x": index}, user="")
