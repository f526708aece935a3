"""Every row of an index that was ever seen in this process, in arrays that only grow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from threading import RLock
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rag_embed.fields import READERS
from rag_embed.stores.growing import Growing
from rag_embed.stores.schema import audience_of
from rag_embed.types import Audience, Principal

Rows = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]

FEW = 1000
"""Rows that are read by their numbers; for more, all rows are read."""

SINGLE = 50
"""What a row costs that is read by its number, in rows that are read with all others."""

NOBODY = -1
"""In place of the number of an audience, for a chunk that is for everybody."""

BASE = ("id", "user_id", READERS)
"""Columns that every row is known by."""


class Column(Protocol):
    """Values by slot."""

    @property
    def sources(self) -> Sequence[str]:
        """Columns of the table that they are read from."""
        ...

    @property
    def filled(self) -> Growing[np.bool_]:
        """Which slots have a value."""
        ...

    @property
    def most(self) -> int | None:
        """Rows up to which reading them is cheaper than making it anew; None if it always is."""
        ...

    def put(self, slots: Rows, table: pa.Table, /) -> None:
        """Take over the values of some rows of the table; mark those slots as filled."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """A column, and what the table said of its sources when it was read first."""

    column: Any
    fields: tuple[Hashable, ...]


class Roster:
    """The slots. All that is written here is written under `lock`.

    Attributes:
        measured: Mean bytes of a value, of columns where that counts, and among how many rows.
        samples: What is known of a few rows of a column, by name.
        files: The file of each fragment that rows were read of, by its number.
    """

    def __init__(self) -> None:
        self.lock = RLock()
        self.ids: list[str] = []
        self.audiences: list[Audience] = []
        self._audience: dict[tuple[str | None, str], int] = {}
        self._named: list[int] = []
        self.columns: dict[Hashable, Known] = {}
        self.measured: dict[Hashable, tuple[float, int]] = {}
        self.samples: dict[str, Any] = {}
        self.files: dict[int, str] = {}
        self._singles: Counter[Hashable] = Counter()
        self._numbers = Growing(np.int64)
        self._owners = Growing(np.int32)
        self._newest: dict[str, int] = {}
        self._older: dict[int, int] = {}
        self._ascending = True

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def numbers(self) -> Numbers:
        """LanceDB's row number of each slot."""
        return self._numbers.upto(len(self))

    @property
    def owners(self) -> npt.NDArray[np.int32]:
        """The place of each slot's audience in `audiences`, -1 for everybody."""
        return self._owners.upto(len(self))

    @property
    def grouped(self) -> list[int]:
        """Places of the audiences that name groups."""
        return self._named

    def seen_by(self, whom: Principal) -> list[int]:
        """Places of the audiences that somebody is in, without those that are for everybody."""
        mine = self._audience.get((whom.user, "")) if whom.user is not None else None
        some = [one for one in self._named if whom.sees(self.audiences[one])]
        return some if mine is None else [mine, *some]

    def add(self, table: pa.Table) -> Rows:
        """Slots for rows that have none; of a table with row numbers and the columns of `BASE`."""
        numbers = row_numbers(table)
        first, count = len(self), len(numbers)
        if not count:
            return np.empty(0, dtype=np.intp)
        last = int(self.numbers[-1]) if first else NOBODY
        self._ascending &= bool(numbers[0] > last and (np.diff(numbers) > 0).all())
        self._numbers.upto(first + count)[first:] = numbers
        self._owners.upto(first + count)[first:] = [
            NOBODY if user is None and not readers else self._place(user, readers)
            for user, readers in zip(*whose(table), strict=True)
        ]
        ids = table["id"].to_pylist()
        for slot, id in enumerate(ids, first):
            if id in self._newest:
                self._older[slot] = self._newest[id]
            self._newest[id] = slot
        self.ids += ids
        return np.arange(first, first + count)

    def _place(self, user: str | None, readers: str) -> int:
        place = self._audience.setdefault((user, readers), len(self.audiences))
        if place == len(self.audiences):
            self.audiences.append(audience_of(user, readers))
            if readers:
                self._named.append(place)
        return place

    def slots(self, numbers: Numbers) -> tuple[Rows, Mask]:
        """The slot of each row number, and whether there is one."""
        known = self.numbers
        if not len(known):
            return np.zeros(len(numbers), dtype=np.intp), np.zeros(len(numbers), dtype=np.bool_)
        order = None if self._ascending else np.argsort(known)
        places = np.minimum(np.searchsorted(known, numbers, sorter=order), len(known) - 1)
        slots = places if order is None else order[places]
        return slots, known[slots] == numbers

    def all_at_once(self, key: Hashable, wanted: int, rows: int) -> bool:
        """Whether to read a whole column: as much was spent on single rows as all of them cost.

        Args:
            key: The column's name.
            wanted: How many single rows are to be read now.
            rows: How many there are in all.
        """
        with self.lock:
            self._singles[key] += wanted
            return self._singles[key] * SINGLE >= rows

    def newest(self, ids: Sequence[str]) -> Rows:
        """The newest slot of each chunk, -1 for one that was never seen."""
        find = self._newest.get
        return np.array([find(id, -1) for id in ids], dtype=np.intp)

    def places(self, chunk_id: str) -> Iterator[int]:
        """The slots of a chunk, the newest first."""
        slot = self._newest.get(chunk_id)
        while slot is not None:
            yield slot
            slot = self._older.get(slot)


def whose(table: pa.Table) -> tuple[Sequence[str | None], Sequence[str]]:
    """Owner and groups of each row, as they are stored."""
    readers = table[READERS]
    if not pc.any(pc.not_equal(readers, "")).as_py():  # as in most indexes
        return table["user_id"].to_pylist(), [""] * len(table)
    return table["user_id"].to_pylist(), readers.to_pylist()


def room(filled: Growing[np.bool_], slots: Rows) -> int:
    """Slots that a column should have room for, so that its arrays grow together and seldom."""
    return max(filled.room, int(slots.max(initial=-1)) + 1)


def row_numbers(table: pa.Table) -> Numbers:
    """LanceDB's number of each row of a table that was read with them."""
    found: Numbers = table["_rowid"].to_numpy().astype(np.int64, copy=False)
    return found
