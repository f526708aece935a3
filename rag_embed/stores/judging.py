"""Filters judged by us: each column is sorted once, and a comparison is a stretch of it.

LanceDB judges small filters on columns. What it cannot judge, judges otherwise than
`filters.matches`, or takes long for, is judged here, and everything of a store in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

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
from rag_embed.stores.boxes import Box, Term, filled
from rag_embed.stores.sorted_columns import Column, Mask, Rows, Sorted
from rag_embed.values import KINDS

T = TypeVar("T")

_FILTERS = 64
"""Filters of which something is remembered."""


@dataclass(frozen=True, slots=True, eq=False)
class Judge:
    """Judges filters over rows that do not change.

    Attributes:
        count: Number of rows.
        read: Name of a column -> row -> value, for the rows that have one.
    """

    count: int
    read: Callable[[str], Mapping[int, object]]
    _columns: dict[str, Column] = field(default_factory=dict)

    def rows(self, where: Filter) -> Rows:
        """The rows that match a resolved filter, in order."""
        return np.flatnonzero(self._mask(where, True))

    def _mask(self, where: Filter, wanted: bool) -> Mask:
        """The rows of which a filter is true, or false."""
        match where:
            case Not(part):
                return self._mask(part, not wanted)
            case And(parts):  # false where a part is
                found = self._any(parts, False)
                return ~found if wanted else found
            case Or(parts):
                found = self._any(parts, True)
                return found if wanted else ~found
            case _:
                found = np.zeros(self.count, dtype=np.bool_)
                found[self._matching(where)] = True
                return found if wanted else ~found

    def _any(self, parts: Iterable[Filter], wanted: bool) -> Mask:
        """The rows of which at least one of some filters is true, or false."""
        return filled(self._boxes(parts, wanted), self.count)

    def _boxes(self, parts: Iterable[Filter], wanted: bool) -> Iterator[Box]:
        elements: dict[str, list[Scalar]] = {}
        for part, goal in _alternatives(parts, wanted):
            if goal and isinstance(part, Has):
                elements.setdefault(part.field, []).append(part.value)
            else:
                yield self._box(part, goal)
        for name, values in elements.items():
            yield self._column(name).equal(values, lists_only=True), ()

    def _box(self, where: Filter, wanted: bool) -> Box:
        """The rows of which a comparison is true, or false, or all of several are."""
        rows: Mask | None = None
        terms: list[Term] = []
        for part in where.parts if isinstance(where, (And, Or)) else (where,):
            own, goal = (part.part, not wanted) if isinstance(part, Not) else (part, wanted)
            some = self._terms(own, goal) if isinstance(own, (Compare, Missing)) else None
            if some is not None:
                terms += some
                continue
            mine = self._mask(own, goal)
            rows = mine if rows is None else rows & mine
        return None if rows is None else np.flatnonzero(rows), terms

    def _terms(self, leaf: Compare | Missing, wanted: bool) -> Sequence[Term] | None:
        """The rows of which a comparison is true, or false, as stretches of places; None where they are not."""
        column = self._column(leaf.field)
        if isinstance(leaf, Missing):
            return [(*column.nowhere, wanted)]
        op = leaf.op
        if op in ("==", "!=") and column.has_lists:
            return None
        axis = column.sorted(KINDS[type(leaf.value)], False)
        if op != "!=":
            return [(axis, *axis.stretch(op, leaf.value), wanted)]
        equal = (axis, *axis.stretch("==", leaf.value), not wanted)
        if wanted:
            return [equal, (*column.nowhere, False)]
        return None if column.missing.any() else [equal]

    def _matching(self, leaf: Leaf) -> Rows:
        """The rows that match a comparison, in any order, some perhaps twice."""
        column = self._column(leaf.field)
        match leaf:
            case Missing():
                return np.flatnonzero(column.missing)
            case Contains():
                return _containing(column.sorted("text", elements=False), leaf)
            case Compare(name, "!=", value):
                equal = self._mask(Compare(name, "==", value), True)
                return np.flatnonzero(~(equal | column.missing))
            case Compare(_, op, value) if op != "==":
                axis = column.sorted(KINDS[type(value)], elements=False)
                return axis.between(*axis.stretch(op, value))
            case In(_, values):
                return column.equal(values, lists_only=False)
            case _:
                return column.equal([leaf.value], lists_only=isinstance(leaf, Has))

    def _column(self, name: str) -> Column:
        if name not in self._columns:
            self._columns[name] = Column(self.read(name), self.count)
        return self._columns[name]


def _alternatives(parts: Iterable[Filter], wanted: bool) -> Iterator[tuple[Filter, bool]]:
    """What makes one of some filters true, or false, as alternatives that are no chains of such."""
    for part in parts:
        goal = wanted
        while type(part) is Not:
            part, goal = part.part, not goal
        if type(part) is (Or if goal else And):
            yield from _alternatives(part.parts, goal)
        else:
            yield part, goal


def remembered(known: dict[Filter | None, T], where: Filter | None, found: Callable[[], T]) -> T:
    """What was found for a filter before, or is found now; tenants and sections recur."""
    with suppress(KeyError):
        return known[where]
    value = found()  # outside: what it raises would tell of the key, which is the whole filter
    if len(known) >= _FILTERS:
        known.clear()
    known[where] = value
    return value


def _containing(texts: Sorted, leaf: Contains) -> Rows:
    if leaf.ignore_case:
        wanted = leaf.text.lower()
        return texts.equal(text for text in texts.values if wanted in text.lower())
    return texts.equal(text for text in texts.values if leaf.text in text)
