"""Filters: every form against plain Python, on both stores."""

from __future__ import annotations

from datetime import date, datetime, timezone

import pytest
from langchain_core.runnables import RunnableLambda
from langchain_core.structured_query import (
    Comparator,
    Comparison,
    Operation,
    Operator,
    StructuredQuery,
)
from langchain_rag_embed import RagEmbedTranslator, RagEmbedVectorStore, to_filter

from rag_embed import field
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput
from rag_embed.fields import Fields

ROWS = {
    "a": {"year": 2019, "lang": "en", "tags": ["x", "y"], "at": "2023-12-31", "draft": True},
    "b": {"year": 2020, "lang": "de", "tags": ["y"], "author": {"name": "Ada"}},
    "c": {"year": 2021.5, "lang": "English", "tags": [], "draft": False},
    "d": {
        "year": "2022",
        "lang": 'o\'"quote"',
        "tags": ["x"],
        "at": "2024-05-01T09:30:00+02:00",
    },
    "e": {},
}


def num(value):
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


MATRIX = [
    (None, lambda m: True),
    ({}, lambda m: True),
    ({"year": 2020}, lambda m: m.get("year") == 2020),
    ({"year": "2022"}, lambda m: m.get("year") == "2022"),
    ({"year": {"$eq": 2020}}, lambda m: m.get("year") == 2020),
    ({"year": {"$ne": 2020}}, lambda m: m.get("year") != 2020),
    ({"year": {"$gt": 2020}}, lambda m: (num(m.get("year")) or 0) > 2020),
    ({"year": {"$gte": 2020}}, lambda m: (num(m.get("year")) or 0) >= 2020),
    ({"year": {"$lt": 2021}}, lambda m: (num(m.get("year")) or 9999) < 2021),
    ({"year": {"$lte": 2020}}, lambda m: (num(m.get("year")) or 9999) <= 2020),
    ({"year": {"$gte": 2020, "$lt": 2021}}, lambda m: m.get("year") == 2020),
    ({"year": {"$in": [2019, "2022"]}}, lambda m: m.get("year") in (2019, "2022")),
    ({"year": {"$in": []}}, lambda m: False),
    ({"year": {"$nin": [2019]}}, lambda m: m.get("year") != 2019),
    ({"lang": {"$gte": "en"}}, lambda m: m.get("lang", "") >= "en"),
    ({"lang": {"$text": "En"}}, lambda m: "En" in m.get("lang", "")),
    ({"lang": 'o\'"quote"'}, lambda m: m.get("lang") == 'o\'"quote"'),
    ({"tags": {"$contains": "x"}}, lambda m: "x" in m.get("tags", [])),
    ({"tags": "x"}, lambda m: "x" in m.get("tags", [])),
    ({"tags": {"$eq": "x"}}, lambda m: "x" in m.get("tags", [])),
    ({"tags": {"$ne": "x"}}, lambda m: "x" not in m.get("tags", [])),
    ({"tags": {"$in": ["x", "z"]}}, lambda m: "x" in m.get("tags", [])),
    ({"tags": {"$nin": ["x", "z"]}}, lambda m: "x" not in m.get("tags", [])),
    ({"tags": {"$all": ["x", "y"]}}, lambda m: m.get("tags") == ["x", "y"]),
    ({"tags": {"$all": []}}, lambda m: False),
    ({"lang": {"$all": ["de"]}}, lambda m: m.get("lang") == "de"),
    ({"tags": {"$not": {"$all": ["x", "y"]}}}, lambda m: m.get("tags") != ["x", "y"]),
    ({"tags": {"$exists": True, "$ne": "x"}}, lambda m: "x" not in m.get("tags", ["x"])),
    ({"year": {"$not": {"$gte": 2020}}}, lambda m: not (num(m.get("year")) or 0) >= 2020),
    ({"$nor": [{"year": 2019}, {"tags": "x"}]}, lambda m: "x" not in m.get("tags", [])),
    ({"at": {"$gte": datetime(2024, 5, 1)}}, lambda m: "2024-05" in m.get("at", "")),
    ({"at": {"$lt": date(2024, 5, 1)}}, lambda m: "2023" in m.get("at", "")),
    (
        {"at": datetime(2024, 5, 1, 7, 30, tzinfo=timezone.utc)},
        lambda m: "2024-05" in m.get("at", ""),
    ),
    ({"lang": {"$contains": "en"}}, lambda m: False),
    ({"year": {"$between": [2019, 2020]}}, lambda m: num(m.get("year")) in (2019, 2020)),
    ({"tags": {"$not_contains": "x"}}, lambda m: "x" not in m.get("tags", [])),
    ({"lang": {"$like": "%ngl%"}}, lambda m: "ngl" in m.get("lang", "")),
    ({"lang": {"$like": "En%"}}, lambda m: m.get("lang", "").startswith("En")),
    ({"lang": {"$like": "o'%"}}, lambda m: m.get("lang", "").startswith("o'")),
    ({"lang": {"$like": "en"}}, lambda m: m.get("lang") == "en"),
    ({"lang": {"$like": "\U0010ffff%"}}, lambda m: False),
    ({"lang": {"$like": "%\\_%"}}, lambda m: False),
    ({"lang": {"$ilike": "%EN%"}}, lambda m: "en" in m.get("lang", "").lower()),
    ({"draft": True}, lambda m: m.get("draft") is True),
    ({"draft": {"$ne": True}}, lambda m: m.get("draft") is not True),
    ({"draft": {"$exists": True}}, lambda m: "draft" in m),
    ({"draft": {"$exists": False}}, lambda m: "draft" not in m),
    ({"author.name": "Ada"}, lambda m: m.get("author", {}).get("name") == "Ada"),
    ({"year": 2019, "lang": "en"}, lambda m: m.get("year") == 2019 and m.get("lang") == "en"),
    ({"$not": {"year": 2020}}, lambda m: m.get("year") != 2020),
    ({"$or": [{"year": 2019}, {"lang": "de"}]}, lambda m: m.get("lang") in ("en", "de")),
    (
        {"$and": [{"tags": {"$contains": "y"}}, {"$not": {"lang": "en"}}]},
        lambda m: "y" in m.get("tags", []) and m.get("lang") != "en",
    ),
    (
        {"tags": {"$contains": "y"}, "$or": [{"year": 2019}, {"year": 2021.5}]},
        lambda m: m.get("year") == 2019,
    ),
    (
        {"$or": [field("metadata.year") == 2020, {"draft": False}]},
        lambda m: m.get("year") == 2020 or m.get("draft") is False,
    ),
    (field("metadata.lang") == "de", lambda m: m.get("lang") == "de"),
]


@pytest.fixture(scope="module", params=["memory", "lancedb"])
def store(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("kb") / "kb" if request.param == "lancedb" else None
    store = RagEmbedVectorStore(path, embedding=HashEncoder())
    store.add_texts([f"text of {id}" for id in ROWS], list(ROWS.values()), ids=list(ROWS))
    return store


def found(store, where):
    return sorted(document.id for document in store.similarity_search("text", 9, filter=where))


@pytest.mark.parametrize(("where", "matches"), MATRIX, ids=[str(where) for where, _ in MATRIX])
def test_a_filter_finds_what_python_finds(store, where, matches):
    assert found(store, where) == [id for id, row in ROWS.items() if matches(row)]


WRONG = [
    (len, "function"),
    ("year = 2020", "str"),
    ([{"year": 2020}], "list"),
    ({"year": {"$near": 2020}}, "near"),
    ({"year": {"gte": 2020}}, "gte"),
    ({"year": {}}, "empty"),
    ({"year": {"$between": [2020]}}, "two values"),
    ({"year": {"$between": [2020, None]}}, "exists"),
    ({"lang": {"$like": "%md"}}, "'start%' or a whole text"),
    ({"lang": {"$like": "a_b"}}, "for an underscore"),
    ({"lang": {"$like": "a%b"}}, "'%part%'"),
    ({"lang": {"$like": "%"}}, "'%part%'"),
    ({"lang": {"$ilike": "en%"}}, "takes '%part%', with"),
    ({"lang": {"$like": 3}}, "'%part%'"),
    ({"tags": {"$not_contains": ["a"]}}, "one value"),
    ({"year": None}, "exists"),
    ({"year": {"$eq": None}}, "exists"),
    ({"year": {"$in": 2020}}, "list"),
    ({"year": {"$in": "2020"}}, "list"),
    ({"year": {"$in": [None]}}, "NoneType"),
    ({"year": {"$exists": 1}}, "True or False"),
    ({"lang": {"$text": 3}}, "str"),
    ({"$near": [{"year": 1}]}, r"\$near"),
    ({"$nor": []}, "non-empty"),
    ({"tags": ["x", "y"]}, r"\$in for any.*\$all"),
    ({"tags": {"$ne": ["x"]}}, r"\$in for any"),
    ({"tags": {"$all": "x"}}, "list"),
    ({"year": {"$not": 2020}}, r"use \$ne"),
    ({"year": {"$not": {}}}, "empty"),
    ({"author": {"name": "Ada"}}, r"'author\.name'"),
    ({"$and": []}, "non-empty"),
    ({"$or": {"year": 1}}, "non-empty"),
    ({"$or": [{}]}, "empty"),
    ({"$not": {}}, "empty"),
    ({"$not": len}, "function"),
    ({1: 2}, "names of metadata"),
    ({"": 2}, "names of metadata"),
]


@pytest.mark.parametrize(("wrong", "said"), WRONG, ids=[str(wrong) for wrong, _ in WRONG])
def test_what_is_no_filter_is_refused(store, wrong, said):
    with pytest.raises(BadInput, match=said):
        to_filter(wrong)
    with pytest.raises(BadInput, match=said):
        store.similarity_search("text", filter=wrong)


def compare(comparator, attribute, value):
    return Comparison(comparator=comparator, attribute=attribute, value=value)


def operate(operator, *arguments):
    return Operation(operator=operator, arguments=list(arguments))


TRANSLATED = [
    (compare(Comparator.EQ, "year", 2020), "b"),
    (compare(Comparator.NE, "year", 2020), "acde"),
    (compare(Comparator.GT, "year", 2019), "bc"),
    (compare(Comparator.GTE, "year", 2020), "bc"),
    (compare(Comparator.LT, "year", 2020), "a"),
    (compare(Comparator.LTE, "year", 2020), "ab"),
    (compare(Comparator.IN, "lang", ["en", "de"]), "ab"),
    (compare(Comparator.NIN, "lang", ["en", "de"]), "cde"),
    (compare(Comparator.CONTAIN, "tags", "x"), "ad"),
    (compare(Comparator.CONTAIN, "lang", "Engl"), "c"),
    (compare(Comparator.LIKE, "lang", "engl"), "c"),
    (compare(Comparator.LIKE, "lang", "%EN%"), "ac"),
    (compare(Comparator.GTE, "at", {"date": "2024-01-01", "type": "date"}), "d"),
    (compare(Comparator.LT, "at", {"datetime": "2024-05-01T08:00:00", "type": "datetime"}), "ad"),
    (compare(Comparator.EQ, "tags", "x"), "ad"),
    (compare(Comparator.IN, "tags", ["x", "z"]), "ad"),
    (
        operate(
            Operator.AND,
            compare(Comparator.CONTAIN, "tags", "x"),
            operate(Operator.NOT, compare(Comparator.EQ, "lang", "en")),
        ),
        "d",
    ),
    (
        operate(
            Operator.OR, compare(Comparator.EQ, "year", 2019), compare(Comparator.EQ, "lang", "de")
        ),
        "ab",
    ),
]


@pytest.mark.parametrize(("directive", "expected"), TRANSLATED, ids=[str(d) for d, _ in TRANSLATED])
def test_structured_queries_are_translated(store, directive, expected):
    query = StructuredQuery(query="text", filter=directive)
    text, options = RagEmbedTranslator().visit_structured_query(query)
    assert text == "text"
    assert "".join(sorted(d.id for d in store.similarity_search(text, 9, **options))) == expected


def test_a_self_query_retriever_filters(store):
    from langchain_classic.retrievers import SelfQueryRetriever

    asked = StructuredQuery(query="text", filter=compare(Comparator.GTE, "year", 2020))
    retriever = SelfQueryRetriever(
        query_constructor=RunnableLambda(lambda _: asked),
        vectorstore=store,
        structured_query_translator=RagEmbedTranslator(),
    )
    assert sorted(document.id for document in retriever.invoke("since 2020")) == ["b", "c"]


@pytest.mark.parametrize("search_type", ["similarity", "mmr"])
def test_what_a_model_filters_by_stays_within_the_stores_own_filter(store, search_type):
    """`SelfQueryRetriever` puts its filter in the place of the one in ``search_kwargs``."""
    from langchain_classic.retrievers import SelfQueryRetriever

    bounded = RagEmbedVectorStore(store.index, where={"year": {"$lt": 2021}})
    every = compare(Comparator.GTE, "year", 0)
    retriever = SelfQueryRetriever(
        query_constructor=RunnableLambda(lambda _: StructuredQuery(query="text", filter=every)),
        vectorstore=bounded,
        structured_query_translator=RagEmbedTranslator(),
        search_type=search_type,
        search_kwargs={"k": 9},
    )
    within = {one.id for one in store.similarity_search("text", 9, filter={"year": {"$lt": 2021}})}
    outside = {
        one.id for one in store.similarity_search("text", 9, filter={"year": {"$gte": 2021}})
    }
    assert within and outside
    assert {one.id for one in retriever.invoke("?")} == within
    assert {one.id for one in bounded.similarity_search("text", 9)} == within
    assert {one.id for one in bounded.as_retriever().invoke("text", k=9, filter=None)} == within
    assert {one.id for one in bounded.get_by_ids(sorted(within | outside))} == within
    vector = store.embeddings.embed_query("text")
    assert {one.id for one in bounded.similarity_search_by_vector(vector, 9)} == within
    found = bounded.similarity_search_with_relevance_scores("text", 9, filter={"year": 2021})
    assert found == []


@pytest.mark.parametrize("search_type", ["similarity", "mmr", "similarity_score_threshold"])
@pytest.mark.parametrize("call", ["invoke", "ainvoke"])
async def test_a_question_that_is_a_filter_alone_lists_what_passes(store, search_type, call):
    """LangChain's parser makes a blank out of a query without text."""
    from langchain_classic.retrievers import SelfQueryRetriever

    asked = StructuredQuery(query=" ", filter=compare(Comparator.GTE, "year", 2020), limit=9)
    options = {"score_threshold": 0.5} if search_type == "similarity_score_threshold" else {}
    retriever = SelfQueryRetriever(
        query_constructor=RunnableLambda(lambda _: asked),
        vectorstore=store,
        structured_query_translator=RagEmbedTranslator(),
        search_type=search_type,
        search_kwargs=options,
    )
    answer = retriever.invoke("?") if call == "invoke" else await retriever.ainvoke("?")
    assert sorted(document.id for document in answer) == ["b", "c"]


def test_a_structured_query_may_have_no_filter():
    query = StructuredQuery(query="text", filter=None)
    assert RagEmbedTranslator().visit_structured_query(query) == ("text", {})


def test_contain_fits_the_declared_column():
    translator = RagEmbedTranslator(Fields.of({"tags": list[str], "lang": str}))
    tags, lang, other = (
        translator.visit_comparison(compare(Comparator.CONTAIN, name, "x"))
        for name in ("tags", "lang", "other")
    )
    assert tags == field("metadata.tags").has("x")
    assert lang == field("metadata.lang").contains("x")
    assert other == field("metadata.other").has("x") | field("metadata.other").contains("x")


@pytest.mark.parametrize(
    "directive",
    [
        compare(Comparator.LIKE, "lang", "e%n"),
        compare(Comparator.LIKE, "lang", "%"),
        compare(Comparator.LIKE, "lang", 3),
        compare(Comparator.EQ, "lang", None),
        compare(Comparator.GTE, "at", {"date": "2022", "type": "date"}),
        compare(Comparator.IN, "lang", "en"),
        operate(Operator.AND),
        operate(
            Operator.NOT, compare(Comparator.EQ, "lang", "a"), compare(Comparator.EQ, "lang", "b")
        ),
    ],
    ids=str,
)
def test_what_cannot_be_translated_is_refused(directive):
    with pytest.raises(BadInput):
        directive.accept(RagEmbedTranslator())


@pytest.mark.parametrize("around", [lambda f: {"$not": f}, lambda f: {"$and": [f]}])
def test_a_filter_nested_too_deeply_is_refused(around):
    for levels in (200, 10_000):
        where = {"year": 2020}
        for level in range(levels):
            where = {"$or": [where]} if level % 2 else around(where)
        with pytest.raises(BadInput, match="nested more than 100 levels deep"):
            to_filter(where)


def test_a_long_filter_finds_what_it_names(store):
    where = {"$or": [{"year": year} for year in range(-20_000, 20_000)]}
    found = store.similarity_search("fox", k=99, filter=where)
    assert {document.id for document in found} == {"a", "b"}
