"""Filters translate as `SimpleVectorStore` takes them, or say why not."""

from __future__ import annotations

import pytest
from conformance_data import FLAG_OPERATORS, FLAGS, OPERATORS, filters, library, where
from llama_index.core.vector_stores.utils import build_metadata_filter_fn
from llama_index.retrievers.rag_embed import to_filter

from rag_embed import field
from rag_embed.errors import BadInput
from rag_embed.filters import matches

NODES = {one.node_id: one.metadata for one in library()}
NODES |= {f"flag {one.node_id}": one.metadata for one in FLAGS}


def matching(some) -> list[str]:
    translated = to_filter(some)
    rows = {id: {"id": id, "metadata": metadata} for id, metadata in NODES.items()}
    return [id for id, row in rows.items() if matches(translated, row)]


@pytest.mark.parametrize(
    ("key", "operator", "value"),
    [one[:3] for one in OPERATORS + FLAG_OPERATORS if one[:2] != ("tags", "is_empty")],
)
def test_same_as_simple_vector_store(key, operator, value) -> None:
    some = filters(where(key, operator, value))
    theirs = build_metadata_filter_fn(NODES.__getitem__, some)
    assert matching(some) == [id for id in NODES if theirs(id)]


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


def test_something_else_is_refused() -> None:
    with pytest.raises(BadInput, match="dict"):
        to_filter({"lang": "en"})
