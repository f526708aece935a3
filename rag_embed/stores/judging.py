"""Filters judged by us: each column is sorted once, and a comparison is a few of its rows.

LanceDB judges small filters on columns. What it cannot judge, judges otherwise than
`filters.matches`, or takes long for, is judged here, and everything of a store in memory.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from rag_embed.filters import (
    And,
    Compare,
    Contains,
    Filter,
    Has,
    In,
    Leaf,
    Missing,
    Not,
    Or,
    Scalar,
)
from rag_embed.values import KINDS, Kind, time_of

T = TypeVar("T")

_FILTERS = 64
"""Filters of which something is remembered."""

Rows = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Sorted:
    """Rows in the order of their values of one kind.

    Attributes:
        place: Distinct value -> its place in the order.
        values: The distinct values in order.
        starts: ``(values + 1,)`` where the rows of each value begin.
        rows: All rows with a value, ``starts[i]:starts[i + 1]`` those of ``values[i]``.
    """

    place: dict[Any, int]
    values: list[Any]
    starts: Rows
    rows: Rows

    @classmethod
    def of(cls, pairs: Iterable[tuple[Any, int]]) -> Sorted:
        """Sort values with their rows; values that equal nothing, as NaN does, are left out."""
        groups: dict[Any, list[int]] = {}
        for value, row in pairs:
            if value == value:
                groups.setdefault(value, []).append(row)
        values = sorted(groups)
        starts = np.cumsum([0, *(len(groups[value]) for value in values)], dtype=np.intp)
        rows = np.array([row for value in values for row in groups[value]], dtype=np.intp)
        return cls({value: i for i, value in enumerate(values)}, values, starts, rows)

    def equal(self, values: Iterable[Any]) -> Rows:
        """Rows with one of some values."""
        places = [self.place[value] for value in values if value in self.place]
        if len(places) < 2:
            return self.between(places[0], places[0] + 1) if places else self.rows[:0]
        hit = np.zeros(len(self.values), dtype=np.bool_)
        hit[places] = True
        return self.rows[np.repeat(hit, np.diff(self.starts))]

    def compared(self, op: str, value: Any) -> Rows:  # noqa: ANN401
        """Rows whose value is ``< <= > >=`` another."""
        after = op in ("<=", ">")
        at = (bisect_right if after else bisect_left)(self.values, value)
        return self.between(0, at) if op in ("<", "<=") else self.between(at, len(self.values))

    def between(self, first: int, last: int) -> Rows:
        """Rows of the values at some places."""
        return self.rows[self.starts[first] : self.starts[last]]


class Column:
    """The values of one name, one per row; ``None`` where there is none."""

    def __init__(self, values: Sequence[object]) -> None:
        self._values = values
        self._known: dict[tuple[Kind, bool], Sorted] = {}

    @cached_property
    def missing(self) -> Mask:
        """Rows without a value."""
        return np.array([value is None for value in self._values], dtype=np.bool_)

    def sorted(self, kind: Kind, elements: bool) -> Sorted:
        """Values of one kind; ``elements`` for those in lists, else those that are no lists."""
        if (kind, elements) not in self._known:
            pairs = self._elements if elements else enumerate(self._values)
            if kind == "time":
                found = ((time_of(value), row) for row, value in pairs)
                self._known[kind, elements] = Sorted.of(p for p in found if p[0] is not None)
            else:
                same = ((v, row) for row, v in pairs if KINDS.get(type(v)) == kind)
                self._known[kind, elements] = Sorted.of(same)
        return self._known[kind, elements]

    @cached_property
    def _elements(self) -> list[tuple[int, object]]:
        lists = ((row, v) for row, v in enumerate(self._values) if isinstance(v, list | tuple))
        return [(row, element) for row, some in lists for element in some]

    def equal(self, values: Sequence[Scalar], *, lists_only: bool) -> list[Rows]:
        """Rows whose value, or an element of it, is one of some."""
        by_kind: dict[Kind, list[Scalar]] = {}
        for value in values:
            by_kind.setdefault(KINDS[type(value)], []).append(value)
        inside = [True] if self._elements else []
        return [
            self.sorted(kind, elements).equal(some)
            for kind, some in by_kind.items()
            for elements in (inside if lists_only else [False, *inside])
        ]


@dataclass(frozen=True, slots=True, eq=False)
class Judge:
    """Judges filters over rows that do not change.

    Attributes:
        count: Number of rows.
        read: Name of a column -> its values, one per row.
    """

    count: int
    read: Callable[[str], Sequence[object]]
    _columns: dict[str, Column] = field(default_factory=dict)

    def rows(self, where: Filter) -> Rows:
        """The rows that match a resolved filter, in order."""
        return np.flatnonzero(self._mask(where))

    def _mask(self, where: Filter) -> Mask:
        match where:
            case And(parts):
                found = np.ones(self.count, dtype=np.bool_)
                for part in parts:
                    found &= self._mask(part)
                    if not found.any():
                        break
                return found
            case Or(parts):
                found = np.zeros(self.count, dtype=np.bool_)
                elements: dict[str, list[Scalar]] = {}
                for part in parts:
                    if isinstance(part, And | Or | Not):
                        found |= self._mask(part)
                    elif isinstance(part, Has):
                        elements.setdefault(part.field, []).append(part.value)
                    else:
                        self._mark(found, part)
                for name, values in elements.items():
                    self._mark_equal(found, name, values, lists_only=True)
                return found
            case Not(part):
                return ~self._mask(part)
            case _:
                found = np.zeros(self.count, dtype=np.bool_)
                self._mark(found, where)
                return found

    def _mark(self, found: Mask, leaf: Leaf) -> None:
        """Set the rows that match a comparison."""
        column = self._column(leaf.field)
        match leaf:
            case Missing():
                found |= column.missing
            case Contains():
                found[_containing(column.sorted("text", elements=False), leaf)] = True
            case Compare(_, "!=", value):
                found |= ~(self._mask(Compare(leaf.field, "==", value)) | column.missing)
            case Compare(_, op, value) if op != "==":
                kind = KINDS[type(value)]
                found[column.sorted(kind, elements=False).compared(op, value)] = True
            case _:
                values = leaf.values if isinstance(leaf, In) else (leaf.value,)
                self._mark_equal(found, leaf.field, values, lists_only=isinstance(leaf, Has))

    def _mark_equal(
        self, found: Mask, name: str, values: Sequence[Scalar], *, lists_only: bool
    ) -> None:
        for rows in self._column(name).equal(values, lists_only=lists_only):
            found[rows] = True

    def _column(self, name: str) -> Column:
        if name not in self._columns:
            self._columns[name] = Column(self.read(name))
        return self._columns[name]


def remembered(known: dict[Filter | None, T], where: Filter | None, found: Callable[[], T]) -> T:
    """What was found for a filter before, or is found now; tenants and sections recur."""
    try:
        return known[where]
    except KeyError:
        if len(known) >= _FILTERS:
            known.clear()
        known[where] = value = found()
        return value


def _containing(texts: Sorted, leaf: Contains) -> Rows:
    if leaf.ignore_case:
        wanted = leaf.text.lower()
        return texts.equal(text for text in texts.values if wanted in text.lower())
    return texts.equal(text for text in texts.values if leaf.text in text)
