"""Filters translate as `SimpleVectorStore` takes them, or say why not."""

from __future__ import annotations

import datetime

import pytest
from conformance_data import (
    FLAG_OPERATORS,
    FLAGS,
    OPERATORS,
    TIME_OPERATORS,
    TIMES,
    filters,
    library,
    node,
    where,
)
from llama_index.core.vector_stores.types import MetadataFilter, MetadataFilters
from llama_index.core.vector_stores.utils import build_metadata_filter_fn
from llama_index.retrievers.rag_embed import RagEmbedVectorStore, to_filter

from rag_embed import field
from rag_embed.errors import BadInput
from rag_embed.filters import matches

NODES = {one.node_id: one.metadata for one in library()}
NODES |= {f"flag {one.node_id}": one.metadata for one in FLAGS}


def matching(some, nodes=NODES) -> list[str]:
    translated = to_filter(some)
    rows = {id: {"id": id, "metadata": metadata} for id, metadata in nodes.items()}
    return [id for id, row in rows.items() if matches(translated, row)]


@pytest.mark.parametrize(
    ("key", "operator", "value"),
    [one[:3] for one in OPERATORS + FLAG_OPERATORS if one[:2] != ("tags", "is_empty")],
)
def test_same_as_simple_vector_store(key, operator, value) -> None:
    some = filters(where(key, operator, value))
    theirs = build_metadata_filter_fn(NODES.__getitem__, some)
    assert matching(some) == [id for id in NODES if theirs(id)]


@pytest.mark.parametrize(("key", "operator", "value", "expected"), TIME_OPERATORS)
def test_times(tmp_path, key, operator, value, expected) -> None:
    """The same in metadata, in a store, and (by days alone) in a declared field."""
    some = filters(where(key, operator, value))
    assert matching(some, {one.node_id: one.metadata for one in TIMES}) == list(expected)
    store = RagEmbedVectorStore(tmp_path / "store")
    store.add(TIMES)
    assert [one.node_id for one in store.get_nodes(filters=some)] == list(expected)


@pytest.mark.parametrize("kind", [datetime.datetime, datetime.date])
def test_times_in_declared_fields(tmp_path, kind) -> None:
    store = RagEmbedVectorStore(tmp_path / "store", fields={"day": kind})
    days = [datetime.date(2024, 5, 1), "2024-05-02", datetime.datetime(2024, 5, 3)]
    store.add([node(id, "red fox", day=day) for id, day in zip("abc", days, strict=True)])

    def found(operator, value):
        return "".join(
            one.node_id for one in store.get_nodes(filters=filters(where("day", operator, value)))
        )

    assert found(">", "2024-05-01") == "bc" and found("==", "2024-05-03T00:00:00Z") == "c"
    assert found("in", ["2024-05-01", "2024-05-02"]) == "ab"
    with pytest.raises(BadInput, match="day"):
        found("==", "in May")
    assert [one.metadata["day"] for one in store.get_nodes(["a", "c"])] == [
        "2024-05-01",
        "2024-05-03T00:00:00",
    ]


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ("==", "red", "a"),
        ("!=", "red", "bcd"),
        ("in", ["red", "water"], "ab"),
        ("nin", ["red"], "bcd"),
        ("contains", "red", "a"),
    ],
)
@pytest.mark.parametrize("fields", [{}, {"tags": list[str]}])
def test_lists(tmp_path, operator, value, expected, fields) -> None:
    store = RagEmbedVectorStore(tmp_path / "store", fields=fields)
    store.add(library())
    found = store.get_nodes(filters=filters(where("tags", operator, value)))
    assert "".join(one.node_id for one in found) == expected


@pytest.mark.parametrize(
    ("key", "operator", "value"),
    [
        ("lang", ">", 2020),
        ("year", ">", "2020"),
        ("year", "text_match", "20"),
        ("year", "text_match_insensitive", "20"),
        ("lang", "contains", "e"),
        ("lang", "any", ["e"]),
        ("lang", "all", ["e"]),
        ("tags", "any", []),
    ],
)
def test_what_does_not_fit_does_not_match(key, operator, value) -> None:
    assert matching(where(key, operator, value)) == []


def test_all_of_nothing_is_any_value() -> None:
    assert matching(where("tags", "all", [])) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("operator", "value"),
    [
        ("==", ["en"]),
        ("==", None),
        (">", [1]),
        ("contains", ["en"]),
        ("in", "en"),
        ("nin", 1),
        ("any", "en"),
        ("all", "en"),
        ("text_match", 1),
        ("text_match_insensitive", ["e"]),
    ],
)
def test_operator_and_value_must_go_together(operator, value) -> None:
    with pytest.raises(BadInput, match="lang"):
        to_filter(where("lang", operator, value))


def test_nothing_restricts_nothing() -> None:
    assert to_filter(None) is None
    assert to_filter(filters()) is None
    assert to_filter(filters(filters())) is None
    assert to_filter(filters(where("lang", "==", "en"), filters(), condition="or")) is None


def test_not_everything_is_nothing() -> None:
    assert matching(filters(where("lang", "==", "x"), filters(), condition="not")) == []


def test_own_filters_pass() -> None:
    own = (field("year") > 2020) & ~field("lang").is_missing()
    assert to_filter(own) is own


def test_a_dictionary_is_read_as_in_langchain() -> None:
    recent = {"year": {"$gte": 2020}, "lang": "en"}
    assert to_filter(recent) == (field("metadata.year") >= 2020) & (field("metadata.lang") == "en")
    assert to_filter({}) is None
    with pytest.raises(BadInput, match="Unknown operator"):
        to_filter({"year": {"gte": 2020}})


def test_something_else_is_refused() -> None:
    with pytest.raises(BadInput, match="got str"):
        to_filter("lang == en")


def test_a_filter_nested_too_deeply_is_refused() -> None:
    for levels in (200, 3000):
        where = MetadataFilters(filters=[MetadataFilter(key="year", value=2020)])
        for level in range(levels):
            where = MetadataFilters(filters=[where], condition="or" if level % 2 else "not")
        with pytest.raises(BadInput, match="nested more than 100 levels deep"):
            to_filter(where)
