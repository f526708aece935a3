# ruff: noqa: SIM300 - fields are written like constants
"""What filters mean in every store. A part of `store.StoreContract`."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from functools import reduce
from operator import and_, or_
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from rag_embed.errors import BadInput
from rag_embed.filters import And, Filter, Or, field, matches
from rag_embed.protocols import Store, View
from rag_embed.testing.filter_data import (
    AT,
    BIG,
    DAY,
    DRAFT,
    FITTING,
    FREE,
    LANG,
    NOON,
    ODD,
    SCORE,
    TAGS,
    YEAR,
    any_filter,
    fitting,
)
from rag_embed.testing.store_data import FIELDS, vector, write
from rag_embed.types import Document, doc_id_of

Odd = tuple[View, Callable[[Filter], list[str]]]


class Colour(Enum):
    """A value that JSON has not."""

    RED = "red"


class FilterLaws:
    """Every store judges filters as `matches` does, whatever their values and however long."""

    @pytest.fixture
    def odd(self, store: Store) -> Odd:
        """A view of one chunk for each of `ODD`, and what `matches` says of it."""
        documents = [Document(str(i), f"word {i}", metadata=one) for i, one in enumerate(ODD)]
        write(store, *documents)
        view = store.view()
        rows: list[dict[str, Any]] = []
        for document in view.documents([document.id for document in documents]):
            fields = {name: document.metadata.get(name) for name in FIELDS}
            rows.append({**fields, "id": document.id, "metadata": document.metadata})
        return view, lambda where: [row["id"] for row in rows if matches(where, row)]

    @pytest.mark.parametrize("name", list(FITTING))
    def test_every_value_against_every_value(self, odd: Odd, name: str) -> None:
        """Each comparison of each field with each value that fits it."""
        view, expected = odd
        a_field = field(name)
        for value in fitting(name):
            filters = [a_field == value, a_field != value, a_field.is_in([value, fitting(name)[0]])]
            if name in (TAGS.name, FREE.name):
                filters.append(a_field.has(value))
            if name != TAGS.name:
                filters += [a_field < value, a_field <= value, a_field > value, a_field >= value]
            for where in filters:
                assert view.matching(where) == sorted(expected(where)), where

    def test_filters_at_random(self, odd: Odd) -> None:
        """Nested filters mean what `matches` says, in searches too."""
        view, expected = odd
        rng = random.Random(0)
        for _ in range(60):
            where = any_filter(rng)
            assert view.matching(where) == sorted(expected(where)), where
            found = view.nearest("dense", vector("q"), 99, where)[0][0]
            assert sorted(map(doc_id_of, found)) == sorted(expected(where)), where

    def test_long_filters(self, odd: Odd) -> None:
        """Hundreds of conditions end the process if LanceDB is asked."""
        view, expected = odd
        years = [YEAR == value for value in [*range(2, 900), 0]]
        tags: list[Filter] = [TAGS.has(one) for one in [*map(str, range(500)), "x"]]
        for where in (
            Or(years),
            reduce(or_, years),
            reduce(lambda chain, part: part | chain, tags),
            reduce(and_, [YEAR != i for i in range(700)]),
            ~reduce(and_, tags),
            Or((YEAR == i) & (LANG == "~") for i in range(400)),
            Or(YEAR < i - 500 for i in range(400)),
            Or(LANG.contains(f"{i}~"[-1:]) for i in range(400)) & (SCORE > 1),
            reduce(or_, [FREE == i for i in range(700)] + [FREE == "1"]),
            Or(AT == NOON + timedelta(days=i) for i in range(300)),
            Or((YEAR >= 3 * i) & (YEAR < 3 * i + 2) for i in range(-100, 100)),
            Or((SCORE > i / 50) & (SCORE <= i) & (LANG != "~") for i in range(100)),
            And((YEAR != i) | (LANG == "~") | TAGS.is_missing() for i in range(100)),
            Or(~((YEAR == i) & AT.is_missing()) for i in range(100)),
            Or(TAGS.has(f"{i}~"[-1:]) & (YEAR >= i) for i in range(100)) | (FREE > 2**53),
            Or(
                field(f"metadata.{name}") == 1
                for name in [*map(str, range(100)), "free.a.b", "year"]
            ),
        ):
            assert view.matching(where) == sorted(expected(where))
            assert sorted(map(doc_id_of, view.lexical(["word"], 99, where)[0][0])) == sorted(
                expected(where)
            )
            found = view.nearest("dense", vector("q"), 99, where)[0][0]
            assert sorted(map(doc_id_of, found)) == sorted(expected(where))

    def test_a_hundred_thousand_values_and_conditions(self, odd: Odd) -> None:
        """The largest filters are answered exactly."""
        view, _ = odd
        many = range(-50_000, 50_000)
        assert view.matching(YEAR.is_in(many)) == ["2", "3"]
        assert view.matching(reduce(or_, [YEAR == i for i in many])) == ["2", "3"]
        assert view.matching(FREE.is_in([str(i) for i in many])) == ["4"]
        some = range(-5_000, 5_000)
        assert view.matching(Or(TAGS.has(f"{i}") for i in some) | TAGS.has("z")) == ["3"]
        assert view.matching(And(YEAR != i for i in some)) == ["0", "1", "4"]

    def test_lists_are_asked_for_their_elements(self, odd: Odd) -> None:
        """A list equals a value when an element does."""
        view, _ = odd
        for tags in (TAGS, field("metadata.tags")):
            assert view.matching(tags == "x") == view.matching(tags.has("x")) == ["10", "2"]
            assert view.matching(tags.is_in(["z", "x"])) == ["10", "2", "3"]
            assert view.matching(tags != "x") == ["0", "1", "3"]
            assert view.matching(~tags.is_in(["x"]) & ~tags.is_missing()) == ["0", "1", "3"]
            assert view.matching(tags == "") == ["1"]
        assert view.matching(FREE == "1") == view.matching(FREE == True) == ["4"]  # noqa: E712
        assert view.matching(FREE.has("2024-05-01")) == ["6"]

    def test_times_are_compared_as_times(self, odd: Odd) -> None:
        """Moments are compared as moments, whatever their zone and spelling."""
        view, _ = odd
        noons: list[Any] = [NOON, NOON.replace(tzinfo=None), np.datetime64("2024-05-01T12:00")]
        for noon in noons:
            assert view.matching(AT == noon) == ["6"]
            assert view.matching(AT > noon) == ["7", "9"]
            assert view.matching(FREE == noon) == ["10", "5"]
        assert view.matching(DAY == date(2024, 5, 1)) == ["6"]
        assert view.matching(DAY >= NOON) == ["9"]
        assert view.matching(FREE == date(2024, 5, 1)) == ["6", "7"]
        assert view.matching(FREE >= date(2024, 5, 1)) == ["10", "5", "7"]
        assert view.matching(field("metadata.at") < "2024-05-01T12:00:00+00:00") == ["8"]
        assert view.matching(AT.is_in(["2024-05-01T14:00+02:00"])) == ["6"]
        assert view.matching(DRAFT == 1) == ["0"] and view.matching(DRAFT.is_in([0])) == ["5"]

    def test_stats_say_how_many_chunks_have_a_field(self, store: Store) -> None:
        """Where a store counts them."""
        documents = [Document("a", "x", metadata={"year": 1}), Document("b", "y", metadata={})]
        write(store, *documents)
        filled = store.stats().get("filled", {})
        assert filled in ({}, {name: int(name == "year") for name in FIELDS})

    def test_what_is_stored_of_values_that_json_has_not(self, store: Store) -> None:
        """Dates, decimals, enums and numpy scalars are stored as JSON, and found."""
        given = {
            "at": NOON.replace(tzinfo=timezone(timedelta(hours=2))),
            "day": date(2024, 5, 1),
            "naive": datetime(2024, 5, 1),
            "uuid": UUID(int=1),
            "price": Decimal("19.99"),
            "pages": Decimal("1E+2"),
            "year": np.int32(2024),
            "score": np.float32(0.5),
            "draft": np.bool_(True),
            "lang": Colour.RED,
            "tags": (np.str_("a"), Colour.RED),
            "inner": [{"when": np.datetime64("2024-05-01"), "half": "\udc00"}],
        }
        write(store, Document("d", "word", metadata=given))
        view = store.view()
        assert view.documents(["d"])[0].metadata == {
            "at": "2024-05-01T12:00:00+02:00",
            "day": "2024-05-01",
            "naive": "2024-05-01T00:00:00",
            "uuid": "00000000-0000-0000-0000-000000000001",
            "price": 19.99,
            "pages": 100,
            "year": 2024,
            "score": 0.5,
            "draft": True,
            "lang": "red",
            "tags": ["a", "red"],
            "inner": [{"when": "2024-05-01T00:00:00+00:00", "half": "\ufffd"}],
        }
        asked: list[Any] = [
            field("metadata.uuid") == UUID(int=1),
            field("metadata.price") == Decimal("19.99"),
            field("metadata.naive") < NOON,
            YEAR == np.int64(2024),
            LANG == Colour.RED,
            DRAFT == np.True_,
            TAGS == Colour.RED,
            SCORE >= Decimal("0.5"),
            YEAR.is_in(np.arange(2020, 2030)),
        ]
        for where in asked:
            assert view.matching(where) == ["d"], where

    @pytest.mark.parametrize(
        ("metadata", "message"),
        [
            ({"by": [{"x": object()}]}, r"'by\[0\].x' cannot be stored: it is of type object"),
            ({"tags": {"a"}}, r"sorted\(value\)"),
            ({"x": np.zeros(2)}, r"value.tolist\(\)"),
            ({"x": b"a"}, "Decode it"),
            ({"x": Decimal("0.1234567890123456789")}, "float.value. or str.value."),
            ({"x": np.datetime64("NaT")}, "datetime64"),
            ({"x": 10**5000}, "an int of 16610 bits"),
            ({(1, 2): "x"}, "keys of metadata are str"),
            ({"year": BIG}, "'year' is declared as int, a whole number of 64 bits"),
            ({"score": 10**400}, "declared as float"),
            ({"tags": ["a\x1fb"]}, "without U.001F"),
            ({"at": "May 1st"}, "declared as datetime, a datetime, or ISO text; got 'May 1st'"),
            ({"day": NOON}, "declared as date"),
            ({"at": datetime.min.replace(tzinfo=timezone(timedelta(hours=5)))}, "'at' cannot be"),
        ],
    )
    def test_what_cannot_be_stored_is_refused_by_name(
        self, store: Store, metadata: dict[Any, Any], message: str
    ) -> None:
        """The error names document and key; nothing of the batch is stored."""
        good = Document("good", "word")
        with pytest.raises(BadInput, match=message) as caught:
            write(store, good, Document("bad", "word", metadata=metadata))
        assert str(caught.value).startswith("Document 'bad': ")
        assert list(store.document_ids()) == []
        nested: dict[str, Any] = {}
        for _ in range(2000):
            nested = {"x": nested}
        with pytest.raises(BadInput, match="nested too deeply"):
            write(store, Document("bad", "word", metadata=nested))
