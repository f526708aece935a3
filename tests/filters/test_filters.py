from __future__ import annotations

import copy
import pickle
from datetime import date, datetime, timezone
from decimal import Decimal
from functools import reduce
from operator import or_

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_embed.errors import BadInput
from rag_embed.fields import Fields
from rag_embed.filters import DEEPEST, And, Not, Or, columns, field, matches, simplified
from rag_embed.types import Document

rows = st.fixed_dictionaries(
    {},
    optional={
        "a": st.integers(0, 3) | st.none(),
        "b": st.sampled_from("xyz"),
        "t": st.lists(st.sampled_from("pq")),
    },
)
leaves = st.one_of(
    st.builds(
        lambda op, v: getattr(field("a"), f"__{op}__")(v),
        st.sampled_from(["eq", "ne", "lt", "le", "gt", "ge"]),
        st.integers(0, 3),
    ),
    st.builds(lambda v: field("b").is_in(v), st.lists(st.sampled_from("xyz"))),
    st.builds(lambda v: field("t").has(v), st.sampled_from("pq")),
    st.sampled_from([field("a").is_missing(), field("b").is_missing()]),
    st.builds(lambda v: field("b").contains(v), st.sampled_from(["x", "", "yz"])),
)
filters = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(lambda x: ~x, inner),
        st.builds(lambda x, y: x & y, inner, inner),
        st.builds(lambda x, y: x | y, inner, inner),
    ),
    max_leaves=8,
)


@given(filters, filters, rows)
def test_logic_is_two_valued(one, two, row) -> None:
    assert matches(~one, row) is not matches(one, row)
    assert matches(one & two, row) is (matches(one, row) and matches(two, row))
    assert matches(one | two, row) is (matches(one, row) or matches(two, row))
    assert matches(~(one & two), row) is matches(~one | ~two, row)
    assert columns(one) <= {"a", "b", "t"}
    assert matches(simplified(one), row) is matches(one, row)
    assert (one == two) is (hash(one) == hash(two)) is (repr(one) == repr(two))
    for copied in (pickle.loads(pickle.dumps(one)), copy.deepcopy(one)):
        assert copied == one and hash(copied) == hash(one)


def test_filters_are_equal_when_they_ask_the_same() -> None:
    a = field("a")
    assert (a == 1) == (a == 1.0) and hash(a == 1) == hash(a == 1.0)
    for one, other in (
        (a == 1, a == True),  # noqa: E712
        (a == 1, a == "1"),
        (a == 1, field("b") == 1),
        (a == 1, a != 1),
        (a == 1, a.has(1)),
        (a.is_in([1, 0]), a.is_in([1, False])),
        (a.is_in([1]), a.is_in([True])),
        (And((a == 1,)), Or((a == 1,))),
        (And(()), Or(())),
    ):
        assert one != other and len({one, other}) == 2
    noon = datetime(2024, 5, 1, 12)
    assert (a < noon) == (a < noon.replace(tzinfo=timezone.utc))
    assert (a == date(2024, 5, 1)) == (a == datetime(2024, 5, 1))


def test_chains_are_flat_however_they_are_joined() -> None:
    parts = [field("a") == i for i in range(5_000)]
    left = reduce(or_, parts)
    right = reduce(lambda chain, part: part | chain, reversed(parts))
    assert left.parts == right.parts == Or(parts).parts == tuple(parts)
    assert left == right == Or([Or(parts[:7]), Or([Or(parts[7:])])]) and left.depth == 1
    assert hash(left) == hash(right) and repr(left) == repr(right)
    assert pickle.loads(pickle.dumps(left)) == left == copy.deepcopy(right)
    assert simplified(left) == field("a").is_in(range(5_000))
    assert ~~left is left and matches(left, {"a": 4_999}) and not matches(left, {"a": -1})


def test_a_deep_filter_is_refused() -> None:
    one = field("a") == 1
    for deeper in (
        lambda f: ~(f & one),
        lambda f: (f & one) | one,
        Not,
        lambda f: And((Or((f,)),)),
    ):
        where = one
        with pytest.raises(BadInput, match="nested more than 100 levels deep"):
            for _ in range(10_000):
                where = deeper(where)
        assert where.depth <= DEEPEST and len(repr(where)) > 100
        assert where == copy.deepcopy(where) and matches(where, {"a": 1}) in (True, False)


def test_equalities_become_sets() -> None:
    a, b = field("a"), field("b")
    assert simplified((a == 1) | (b == 2) | (a == 3) | a.is_in(["x"])) == Or(
        (a.is_in([1, 3, "x"]), b == 2)
    )
    assert simplified((a != 1) & ~(a == 2) & (b > 1)) == And(
        (b > 1, ~a.is_missing(), ~a.is_in([1, 2]))
    )
    assert simplified(Not(Not(a == 1))) == (a == 1) == simplified(Or((And((a == 1,)),)))


def test_a_missing_value_matches_no_comparison() -> None:
    for row in ({}, {"a": None}):
        assert not matches(field("a") == 1, row) and not matches(field("a") != 1, row)
        assert matches(field("a").is_missing(), row) and matches(~(field("a") == 1), row)


def test_values_of_different_kinds_are_unequal_and_have_no_order() -> None:
    for value, other in ((1, True), (0, False), (1, "1"), ("a", 1), ([1], True), ({"x": 1}, 1)):
        row = {"a": value}
        assert not matches(field("a") == other, row) and matches(field("a") != other, row)
        assert not matches(field("a").is_in([other]), row)
        assert not matches(field("a") < other, row) and not matches(field("a") >= other, row)
    assert matches(field("a") == 1.0, {"a": 1}) and matches(field("a") < 1.5, {"a": 1})
    assert not matches(field("a").has("b"), {"a": "abc"}) and matches(
        field("a").has("b"), {"a": ("b",)}
    )
    assert not matches(field("a").contains("b"), {"a": ["b"]})


def test_metadata_paths() -> None:
    row = {"title": "t", "metadata": {"title": "m", "a": {"b": {"c": 1}}, "a.b": {"d": 2}, "x": 3}}
    for name, value in (("title", "m"), ("a.b.c", 1), ("a.b.d", None), ("x", 3), ("x.y", None)):
        where = field(f"metadata.{name}")
        assert matches(where.is_missing() if value is None else where == value, row), name
    assert matches(field("title") == "t", row)
    assert matches(field("metadata.a").is_missing(), {})


def test_misuse_is_refused() -> None:
    with pytest.raises(BadInput, match="& | ~"):
        bool(field("a") == 1 and field("b") == 2)
    with pytest.raises(BadInput):
        (field("a") == 1) & True
    for values in ("abc", b"abc", 3):
        with pytest.raises(BadInput, match="wrap it in a list"):
            field("a").is_in(values)
    for value in (None, [1, 2], b"a", float("nan"), np.float64("nan"), Decimal("nan"), 10**9999):
        for build in (field("a").__eq__, field("a").has, lambda v: field("a").is_in([v])):
            with pytest.raises(BadInput, match="compare"):
                build(value)
    with pytest.raises(BadInput):
        field("")
    with pytest.raises(BadInput):
        field("a").contains(1)
    assert isinstance(~(field("a") == 1), Not)
    assert isinstance((field("a") == 1) | (field("b") == 1), Or)
    assert isinstance((field("a") == 1) & (field("b") == 1), And)


def test_fields_are_checked_when_declared_and_when_stored() -> None:
    for bad in (
        {"year": complex},
        {"id": str},
        {"not a name": int},
        {"year": "number"},
        {"metadata": str},
    ):
        with pytest.raises(BadInput):
            Fields.of(bad)
    with pytest.raises(BadInput, match="a dict of names and types.*got list"):
        Fields.of(["year"])
    fields = Fields.of({"year": int, "score": "float", "tags": list[str], "ok": bool})
    stored = fields.values(
        Document("d", "", metadata={"year": 3, "score": 1, "tags": ("a",), "ok": True})
    )
    assert stored == {"year": 3, "score": 1.0, "tags": ["a"], "ok": True}
    for bad in (
        {"year": True},
        {"year": 1.5},
        {"tags": "a"},
        {"tags": [1]},
        {"ok": 1},
        {"score": "1"},
    ):
        with pytest.raises(BadInput, match="declared as"):
            fields.values(Document("d", "", metadata=bad))
