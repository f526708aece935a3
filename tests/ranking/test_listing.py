"""A query that is nothing but a filter lists what passes, in reading order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rag_embed import Document, Index, Query, field
from rag_embed.encoders import HashEncoder
from rag_embed.ranking import absent_names
from rag_embed.ranking.best_chunks import BestChunks
from rag_embed.ranking.rerank import Reranked, stored_rows

LATE = field("metadata.n") >= 3


@pytest.fixture(scope="module", params=["memory", "lancedb"])
def index(request, tmp_path_factory):
    options = {"encoder": HashEncoder(), "chunk_tokens": 5, "fields": {"kind": str}}
    if request.param == "memory":
        index = Index.in_memory(**options)
    else:
        index = Index.create(tmp_path_factory.mktemp("kb") / "kb", **options)
    text = "One fox runs. Two foxes run. Three foxes rest."
    index.add(
        Document(f"d{i:02}", text, metadata={"n": i, "kind": "odd" if i % 2 else "even"})
        for i in range(60)
    )
    index.add([Document("own", "Mine.", user="ada", metadata={"n": 3, "kind": "odd"})])
    return index


@pytest.mark.parametrize("text", ["", " ", "\n\t"])
def test_chunks_come_in_reading_order_and_nothing_is_scored(index, text):
    hits = index.search(text, where=LATE, k=7)
    places = [(hit.chunk.doc_id, hit.chunk.ordinal) for hit in hits]
    assert places == [
        ("d03", 0),
        ("d03", 1),
        ("d03", 2),
        ("d04", 0),
        ("d04", 1),
        ("d04", 2),
        ("d05", 0),
    ]
    assert {(hit.score, hit.relevance, hit.parts, hit.route) for hit in hits} == {
        (0.0, 1.0, (), None)
    }


def test_without_a_filter_an_empty_text_finds_nothing(index):
    assert index.search("") == index.search(" ", user="ada", k=99) == []


def test_a_user_lists_shared_chunks_and_their_own(index):
    where = field("kind") == "odd"
    ids = {
        user: [hit.chunk.doc_id for hit in index.search("", where=where, user=user, k=999)]
        for user in (None, "ada", "bob")
    }
    assert len(ids[None]) == 90 and ids["bob"] == ids[None]
    assert ids["ada"] == [*ids[None], "own"]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"group_by": "document"},
        {"diversity": 0.7},
        {"min_relevance": 1.0},
        {"diversity": 0.3, "group_by": "document", "user": "ada"},
    ],
    ids=str,
)
def test_fewer_are_a_prefix_of_more(index, options):
    every = index.search("", where=LATE, k=999, **options)
    for k in (0, 1, 5, 101, 150):
        assert index.search("", where=LATE, k=k, **options) == every[:k]
    if options.get("group_by") == "document":
        assert sorted({hit.chunk.doc_id for hit in every}) == index.contents.matching(
            LATE, user=options.get("user")
        )
        assert len(every) == len(index.contents.matching(LATE, user=options.get("user")))


def test_it_stands_beside_other_queries_of_a_batch(index):
    queries = [
        Query("fox", 3),
        Query("", 3, where=LATE),
        Query(" ", 3),
        Query("rest", 2, where=LATE),
    ]
    assert index.search_many(queries) == [index.search(query) for query in queries]


def test_a_filter_on_chunks_lists_those(index):
    wanted = ["d04#0-13", "d40#14-28"]
    hits = index.search("", where=field("id").is_in(wanted[::-1]))
    assert [hit.id for hit in hits] == wanted


def test_wrappers_leave_the_order(index):
    class Backwards:
        def rerank(self, query, hits, /):
            return np.arange(len(hits), dtype=np.float32)

    query = Query("", 5, where=LATE)
    assert Reranked(index.retriever, Backwards(), rows=stored_rows(index.store)).retrieve([query])[
        0
    ] == index.search(query)
    documents = replace(query, group_by="document")
    wrapped = Reranked(index.retriever, BestChunks(), depth=400, spread=False)
    best = wrapped.retrieve([documents])[0]
    assert [hit.id for hit in best] == [hit.id for hit in index.search(documents)]
    assert [one.start for one in index.contents.passages(index.search(query), 100)] == [0, 0]


def test_a_filter_on_metadata_that_nobody_has_is_told_of_once(index, caplog, monkeypatch):
    monkeypatch.setattr(absent_names, "_told", set())
    for _ in range(2):
        for text in ("fox", ""):
            assert index.search(text, where=field("metadata.kinds") == "odd") == []
    assert [one.getMessage() for one in caplog.records] == [
        "A filter found nothing: no document that the query may see has metadata 'kinds'; did you mean 'kind'?"
    ]
    caplog.clear()
    assert index.search("fox", where=field("metadata.n") > 1000) == []  # the name is there
    assert index.search("fox", where=field("metadata.gone").is_missing())  # something was found
    index.add([Document("eve's", "Hers.", user="eve", metadata={"hidden": 1})])
    assert index.search("fox", where=field("metadata.hidden") == 2, user="eve") == []
    assert caplog.records == []
    assert index.search("fox", where=field("metadata.hidden") == 1) == []
    assert "has metadata 'hidden'." in caplog.records[0].getMessage()
    index.delete(["eve's"])
    index.contents.declare({"year": int})
    for _ in range(2):
        assert index.search("fox", where=field("year") > 2000) == []
    said = [one.getMessage() for one in caplog.records[1:]]
    assert said == [
        "A filter found nothing: no document that the query may see has a value in the declared field 'year'."
    ]
