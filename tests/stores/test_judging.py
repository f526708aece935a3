"""Long filters are judged as `filters.matches` says, however their conditions are put together."""

from __future__ import annotations

import cProfile
import pstats
from datetime import datetime, timezone
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_embed.errors import BadInput
from rag_embed.filters import And, Not, Or, field, matches, value_of
from rag_embed.stores.judging import Judge, remembered
from rag_embed.stores.sorted_columns import Metadata, present

NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)
VALUES = st.sampled_from([0, 1, 2, 3, 2.5, float("nan"), "a", "ab", "b", True, False, NOON, None])
ROWS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "a": VALUES,
            "b": st.integers(0, 9),
            "t": st.lists(VALUES, max_size=3),
            "metadata": st.dictionaries(
                st.sampled_from(["x", "x.y", "z"]), VALUES | st.just({"y": 1})
            ),
        },
    ),
    max_size=60,
)
NAMES = st.sampled_from(["a", "b", "t", "metadata.x", "metadata.x.y", "metadata.z"])
COMPARABLE = VALUES.filter(lambda value: value is not None and value == value)
LEAVES = st.one_of(
    st.builds(
        lambda name, op, value: getattr(field(name), f"__{op}__")(value),
        NAMES,
        st.sampled_from(["eq", "ne", "lt", "le", "gt", "ge"]),
        COMPARABLE,
    ),
    st.builds(lambda name: field(name).is_missing(), NAMES),
    st.builds(lambda name, some: field(name).is_in(some), NAMES, st.lists(COMPARABLE, max_size=3)),
    st.builds(lambda name, value: field(name).has(value), NAMES, COMPARABLE),
    st.builds(lambda name: field(name).contains("a"), NAMES),
)
PARTS = st.one_of(LEAVES, st.builds(Not, LEAVES))
JOINED = st.sampled_from([And, Or])
CHAINS = st.builds(lambda join, parts: join(parts), JOINED, st.lists(PARTS, max_size=4))
FILTERS = st.builds(
    lambda join, parts, wanted: join(parts) if wanted else Not(join(parts)),
    JOINED,
    st.lists(st.one_of(PARTS, CHAINS, st.builds(Not, CHAINS)), max_size=12),
    st.booleans(),
)


@settings(max_examples=400)
@given(ROWS, FILTERS)
def test_rows_are_those_that_match(rows: list[dict[str, Any]], where: Any) -> None:
    metadata = Metadata([row.get("metadata", {}) for row in rows])

    def read(name: str) -> dict[int, object]:
        if name.startswith("metadata."):
            return metadata.values(name)
        return present(row.get(name) for row in rows)

    expected = [i for i, row in enumerate(rows) if matches(where, row)]
    assert Judge(len(rows), read).rows(where).tolist() == expected


@given(ROWS, NAMES)
def test_metadata_leads_to_what_it_leads_to_row_by_row(
    rows: list[dict[str, Any]], name: str
) -> None:
    found = Metadata([row.get("metadata", {}) for row in rows]).values(f"metadata.{name}")
    expected = present(
        value_of({"metadata": row.get("metadata", {})}, f"metadata.{name}") for row in rows
    )
    assert repr(found) == repr(expected)


def test_a_name_that_few_rows_have_is_looked_for_in_those_alone() -> None:
    """Each of thousands of names was looked for in every row, which took seconds."""

    class Counted(dict):
        asked = 0

        def get(self, key, default=None):
            Counted.asked += 1
            return super().get(key, default)

        def __getitem__(self, key):
            Counted.asked += 1
            return super().__getitem__(key)

        def __contains__(self, key):
            Counted.asked += 1
            return super().__contains__(key)

    metadata = Metadata([Counted({f"k{i}": i}) for i in range(200)])
    judge = Judge(200, metadata.values)
    where = Or(field(f"metadata.k{i}") == i for i in range(0, 400, 2))
    np.testing.assert_array_equal(judge.rows(where), np.arange(0, 200, 2))
    assert Counted.asked < 1000  # 40,000 when all names are looked for in all rows


def test_rows_without_a_value_are_not_gone_through_one_by_one() -> None:
    """500 different names that no row has took a second at 20,000 rows, and now 30,000 calls."""
    judge, where = (
        Judge(20_000, lambda name: {}),
        Or(And([field(f"x{i}").is_missing(), field("y") == i]) for i in range(500)),
    )
    profile = cProfile.Profile()
    profile.enable()
    assert not len(judge.rows(where))
    profile.disable()
    assert pstats.Stats(profile).total_calls < 500_000  # type: ignore[attr-defined]


def test_an_error_does_not_tell_of_the_key_it_was_remembered_under() -> None:
    """A filter of thousands of conditions was printed with it, as the error that came before."""

    def refuse() -> str:
        raise BadInput("No.")

    with pytest.raises(BadInput) as raised:
        remembered({}, field("a") == 1, refuse)
    assert raised.value.__context__ is None
