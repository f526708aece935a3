"""The values of one name, sorted once: a comparison is a stretch of places in the order."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from rag_embed.filters import METADATA, Scalar, value_of
from rag_embed.values import KINDS, Kind, time_of

Rows = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]

_MANY = 64
"""Values that are looked for one by one where they are fewer than one in so many."""

_NONE: Rows = np.empty(0, dtype=np.intp)


class Sorted:
    """Rows in the order of their values of one kind; values that equal nothing, as NaN does, are left out.

    Args:
        pairs: Values, which have an order, each with its row.
        count: Number of rows in all.

    Attributes:
        count: Number of rows in all.
        place: Distinct value -> its place in the order.
        values: The distinct values in order.
        starts: ``(values + 1,)`` where the rows of each value begin.
        rows: All rows with a value, ``starts[i]:starts[i + 1]`` those of ``values[i]``.
    """

    def __init__(self, pairs: Iterable[tuple[Any, int]], count: int) -> None:
        groups: dict[Any, list[int]] = {}
        for value, row in pairs:
            if value == value:
                groups.setdefault(value, []).append(row)
        values = sorted(groups)
        rows = np.array([row for one in values for row in groups[one]], dtype=np.intp)
        self._set(values, [len(groups[one]) for one in values], rows, count)

    @classmethod
    def same(cls, rows: Rows, count: int) -> Sorted:
        """Some rows that all have one value, ``True``."""
        made = cls((), count)
        if len(rows):
            made._set([True], [len(rows)], rows, count)
        return made

    def _set(self, values: list[Any], sizes: Sequence[int], rows: Rows, count: int) -> None:
        self.count = count
        self.values = values
        self.place = {value: i for i, value in enumerate(values)}
        self._sizes = np.array(sizes, dtype=np.intp)
        self.starts: Sequence[int] = [0, *np.cumsum(self._sizes).tolist()]
        self.rows = rows

    @cached_property
    def ranks(self) -> npt.NDArray[np.int32]:
        """``(count,)`` the place of each row's value; -1 for a row without one."""
        found = np.full(self.count, -1, dtype=np.int32)
        found[self.rows] = np.repeat(np.arange(len(self.values)), self._sizes)
        return found

    def equal(self, values: Iterable[Any]) -> Rows:
        """Rows with one of some values."""
        places = [self.place[value] for value in values if value in self.place]
        if len(places) * _MANY < len(self.values):
            return np.concatenate([_NONE, *(self.between(at, at + 1) for at in places)])
        hit = np.zeros(len(self.values), dtype=np.bool_)
        hit[places] = True
        return self.at(hit)

    def stretch(self, op: str, value: Any) -> tuple[int, int]:  # noqa: ANN401
        """First place, and the one after the last, whose value is ``== < <= > >=`` another."""
        if op == "==":
            place = self.place.get(value)
            return (0, 0) if place is None else (place, place + 1)
        after = op in ("<=", ">")
        place = (bisect_right if after else bisect_left)(self.values, value)
        return (0, place) if op in ("<", "<=") else (place, len(self.values))

    def between(self, first: int, last: int) -> Rows:
        """Rows of the values at some places, the last one not included."""
        return self.rows[self.starts[first] : self.starts[last]]

    def at(self, places: Mask) -> Rows:
        """Rows of the values at some places."""
        return self.rows[np.repeat(places, self._sizes)]


class Column:
    """The values of one name.

    Args:
        values: Row -> value, for the rows that have one.
        count: Number of rows in all.
    """

    def __init__(self, values: Mapping[int, object], count: int) -> None:
        self._values = values
        self._count = count
        self._known: dict[tuple[Kind, bool], Sorted] = {}

    @cached_property
    def missing(self) -> Mask:
        """Rows without a value."""
        found = np.ones(self._count, dtype=np.bool_)
        found[list(self._values)] = False
        return found

    @cached_property
    def nowhere(self) -> tuple[Sorted, int, int]:
        """An axis of the rows without a value alone, and the stretch that they are."""
        axis = Sorted.same(np.flatnonzero(self.missing), self._count)
        return axis, 0, len(axis.values)

    def sorted(self, kind: Kind, elements: bool) -> Sorted:
        """Values of one kind; ``elements`` for those in lists, else those that are no lists."""
        if (kind, elements) not in self._known:
            pairs = self._elements if elements else self._values.items()
            if kind == "time":
                found = ((time_of(value), row) for row, value in pairs)
                same: Iterable[tuple[Any, int]] = (p for p in found if p[0] is not None)
            else:
                same = ((v, row) for row, v in pairs if KINDS.get(type(v)) == kind)
            self._known[kind, elements] = Sorted(same, self._count)
        return self._known[kind, elements]

    @property
    def has_lists(self) -> bool:
        """Whether a value is a list with something in it."""
        return bool(self._elements)

    @cached_property
    def _elements(self) -> list[tuple[int, object]]:
        lists = ((row, v) for row, v in self._values.items() if isinstance(v, list | tuple))
        return [(row, element) for row, some in lists for element in some]

    def equal(self, values: Sequence[Scalar], *, lists_only: bool) -> Rows:
        """Rows whose value, or an element of it, is one of some; a row may come twice."""
        by_kind: dict[Kind, list[Scalar]] = {}
        for value in values:
            by_kind.setdefault(KINDS[type(value)], []).append(value)
        inside = [True] if self.has_lists else []
        found = [
            self.sorted(kind, elements).equal(some)
            for kind, some in by_kind.items()
            for elements in (inside if lists_only else [False, *inside])
        ]
        return found[0] if len(found) == 1 else np.concatenate([_NONE, *found])


class Metadata:
    """Metadata of rows, looked into for a name only where a row has the key that it begins with.

    Args:
        rows: The metadata of each row.

    Examples:
        >>> Metadata([{"a": {"b": 1}}, {"c": 2}, {"a.b": 3}]).values("metadata.a.b")
        {0: 1, 2: 3}
    """

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self._rows = rows
        self._having: dict[str, list[int]] = {}
        for row, metadata in enumerate(rows):
            for key in metadata:
                self._having.setdefault(key, []).append(row)

    def values(self, name: str) -> dict[int, object]:
        """Row -> value of a name such as ``metadata.author.name``, for the rows that have one."""
        path = name.removeprefix(METADATA)
        ends = [at for at, letter in enumerate(path) if letter == "."]
        some = [self._having.get(path[:end], ()) for end in (*ends, len(path))]
        found = (
            (row, value_of({"metadata": self._rows[row]}, name)) for rows in some for row in rows
        )
        return dict(sorted((row, value) for row, value in found if value is not None))


def present(values: Iterable[object]) -> dict[int, object]:
    """Row -> value, for the rows that have one."""
    return {row: value for row, value in enumerate(values) if value is not None}
