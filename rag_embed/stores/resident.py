"""Chunks held in memory for all versions of an index that are read in this process.

Every row that was ever seen has a slot in arrays that only grow. LanceDB never changes a row: what is
replaced or moved gets another row number. So a version is the set of slots whose rows it has, the next
one is found by comparing row numbers, and only rows that nobody has read yet are read. A version that
somebody still reads keeps its slots; when more than a third of all are given up, a new roster is begun: so
is one where LanceDB moved all rows, as it does when it merges files, and no array holds both.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from lancedb.expr import Expr, col, lit

from rag_embed.stores.changes import changes
from rag_embed.stores.recent import Recent
from rag_embed.stores.roster import (
    BASE,
    FEW,
    NOBODY,
    Column,
    Known,
    Mask,
    Numbers,
    Roster,
    Rows,
    row_numbers,
)
from rag_embed.stores.version import Version
from rag_embed.types import Principal

C = TypeVar("C", bound=Column)

_COLUMNS = 128
"""Columns that are kept of those that can be made anew, such as filters."""

_SPARE = 1024
"""Slots without a row that are always borne."""

_GIVEN_UP = 2
"""One slot without a row is borne for so many rows."""


@dataclass(frozen=True, eq=False)
class Resident:
    """The chunks of one version.

    Attributes:
        roster: Where they are.
        snapshot: The version.
        live: ``(size,)`` which of the first slots are its chunks; it has none beyond.
        recent: Rows that were read last, all of this version or of one with a few rows more.
    """

    roster: Roster
    snapshot: Version
    live: Mask
    recent: Recent = field(default_factory=Recent)
    _kept: dict[Hashable, Any] = field(default_factory=dict)

    @classmethod
    def loaded(cls, snapshot: Version) -> Resident:
        """All chunks, in a new roster."""
        table = _in_order(snapshot.scan(BASE))
        roster = Roster()
        roster.files.update(_files(snapshot))
        return cls(roster, snapshot, np.ones(len(roster.add(table)), dtype=np.bool_))

    def moved(self, snapshot: Version) -> Resident:
        """Another version, at the cost of what changed; in a new roster when most slots are left.

        Also where a number is no longer that of the same row: an older copy was put in place of the
        index, and written since. The name of the file tells, which LanceDB draws at random.

        Args:
            snapshot: Of the same table, maybe an earlier version.
        """
        with self.roster.lock:
            known = self.roster.files
            if any(known.setdefault(one, file) != file for one, file in _files(snapshot).items()):
                return Resident.loaded(snapshot)
            return self._appended(snapshot) or self._compared(snapshot)

    def _appended(self, snapshot: Version) -> Resident | None:
        """A later version, when all it did was to add a few rows, with larger numbers than all before."""
        size = len(self.roster)
        if snapshot.version < self.snapshot.version or not 0 < size == len(self.live):
            return None
        last = int(self.roster.numbers.max())
        table = snapshot.since(self.snapshot, last, self._wanted(snapshot), FEW)
        return None if table is None else self._with(snapshot, self.live, table, self.recent)

    def _compared(self, snapshot: Version) -> Resident:
        live = np.zeros(len(self.roster), dtype=np.bool_)
        change = changes(self.snapshot.told, snapshot.told)
        if change is None:
            numbers = np.sort(row_numbers(snapshot.scan(())))
        else:
            went, numbers = change
            live[: self.size] = self.live
            slots, known = self.roster.slots(went)
            live[slots[known]] = False
        slots, known = self.roster.slots(numbers)
        strange = numbers[~known]
        live[slots[known]] = True
        given_up = len(self.roster) - int(np.count_nonzero(live))
        if given_up > len(snapshot) // _GIVEN_UP + _SPARE:
            return Resident.loaded(snapshot)
        if not len(strange):
            return Resident(self.roster, snapshot, live, self.recent.among(live))
        if len(strange) <= FEW:
            table = snapshot.at(strange, self._wanted(snapshot))
        else:
            table = snapshot.scan(BASE, _between(strange))
            table = table.filter(np.isin(row_numbers(table), strange))
        return self._with(snapshot, live, table, self.recent.among(live))

    def _with(self, snapshot: Version, live: Mask, table: pa.Table, recent: Recent) -> Resident:
        """With rows that had no slot; columns take over what the table has of theirs."""
        table = _in_order(table)
        slots = self.roster.add(table)
        for known in self.roster.columns.values():
            if len(slots) and set(known.column.sources) <= set(table.column_names):
                known.column.put(slots, table)
        live = np.concatenate([live, np.ones(len(slots), np.bool_)])
        return Resident(self.roster, snapshot, live, recent)

    def _wanted(self, snapshot: Version) -> list[str]:
        """What is read of new rows: also what columns are made of, if it is the same as it was."""
        known = self.roster.columns.values()
        same = (one for one in known if one.fields == _fields(snapshot, one.column.sources))
        return list(dict.fromkeys([*BASE, *(name for one in same for name in one.column.sources)]))

    @property
    def size(self) -> int:
        """Slots that may be this version's."""
        return len(self.live)

    @cached_property
    def slots(self) -> Rows:
        """This version's slots, in order."""
        return np.flatnonzero(self.live)

    @cached_property
    def count(self) -> int:
        """Number of chunks."""
        return int(np.count_nonzero(self.live))

    @cached_property
    def private(self) -> bool:
        """Whether any chunk is not for everybody."""
        return bool(((self.roster.owners[: self.size] != NOBODY) & self.live).any())

    @cached_property
    def grouped(self) -> bool:
        """Whether any chunk names groups."""
        named = self.roster.grouped
        return bool(named) and bool(
            np.isin(self.roster.owners[: self.size][self.live], named).any()
        )

    def of(self, whom: Principal | None) -> Mask:
        """Chunks for somebody that are not for everybody, or those that are, as a mask of slots."""
        places = [NOBODY] if whom is None else self.roster.seen_by(whom)
        owners = self.roster.owners[: self.size]
        found = owners == places[0] if len(places) == 1 else np.isin(owners, places)
        mask: Mask = self.live & found
        return mask

    def places(self, ids: Sequence[str]) -> Rows:
        """Where chunks are; -1 for those that this version does not have."""
        found = self.roster.newest(ids)
        known = (found >= 0) & (found < self.size)
        known[known] = self.live[found[known]]
        for i in np.flatnonzero(~known).tolist():
            places = self.roster.places(ids[i])
            found[i] = next((slot for slot in places if slot < self.size and self.live[slot]), -1)
        return found

    def numbers(self, ids: Sequence[str]) -> Numbers:
        """Row numbers of those chunks that exist."""
        return self.roster.numbers[self._known(ids)]

    def _known(self, ids: Sequence[str]) -> Rows:
        places = self.places(ids)
        return places[places >= 0]

    def mask(self, numbers: Numbers) -> Mask:
        """Rows of this version by their numbers, as a mask of slots."""
        with self.roster.lock:
            slots, _ = self.roster.slots(numbers)
        mask = np.zeros(self.size, dtype=np.bool_)
        mask[slots] = True
        return mask

    def among(self, ids: Iterable[str]) -> Mask:
        """Chunks of this version, as a mask of slots."""
        mask = np.zeros(self.size, dtype=np.bool_)
        mask[self._known(list(ids))] = True
        return mask

    def known(self, key: Hashable) -> bool:
        """Whether most values of a column are in memory."""
        with self.roster.lock:
            known = self.roster.columns.get(key)
            return known is not None and self._usable(known)

    def filled(self, key: Hashable, make: Callable[[], C]) -> C:
        """A column with the values of all chunks of this version.

        Args:
            key: The column's name in the roster.
            make: Makes an empty one.
        """
        found: C | None = self._kept.get(key)
        if found is None:
            with self.roster.lock:
                found = self._fill(key, make)
            if found.most is None:
                self._kept[key] = found
        return found

    def _fill(self, key: Hashable, make: Callable[[], C]) -> C:
        columns = self.roster.columns
        known = columns.pop(key, None)
        if known is None or not self._usable(known):
            made = make()
            known = Known(made, _fields(self.snapshot, made.sources))
            cheap = [one for one, other in columns.items() if other.column.most is not None]
            for one in cheap[: max(0, len(cheap) - _COLUMNS + 1)]:
                del columns[one]
        columns[key] = known  # the last are those that were asked for last
        column: C = known.column
        missing = self._missing(column)
        for table in self._read(np.flatnonzero(missing), column.sources):
            slots = self.roster.slots(row_numbers(table))[0]
            wanted = missing[slots]
            if wanted.all():
                column.put(slots, table)
            else:
                column.put(slots[wanted], table.filter(pa.array(wanted)))
        return column

    def _usable(self, known: Known) -> bool:
        if known.fields != _fields(self.snapshot, known.column.sources):
            return False
        most = known.column.most
        return most is None or np.count_nonzero(self._missing(known.column)) <= most

    def _missing(self, column: Column) -> Mask:
        missing: Mask = self.live & ~column.filled.upto(self.size)
        return missing

    def _read(self, slots: Rows, columns: Sequence[str]) -> Iterator[pa.Table]:
        numbers = self.roster.numbers[slots]
        most = 2 * len(slots) > self.count
        if most or len(slots) > FEW:
            yield from self.snapshot.stream(columns, None if most else _between(numbers))
        elif len(slots):
            yield self.snapshot.at(numbers, columns)


def _files(version: Version) -> Mapping[int, str]:
    """The first file of each fragment, by its number; none where only LanceDB can tell."""
    fragments = () if version.told is None else version.told.fragments
    return {one.number: one.files[0].path for one in fragments}


def _between(numbers: Numbers) -> Expr:
    """From the first to the last of some rows: those that came together lie together."""
    first, last = int(numbers.min()), int(numbers.max())
    return (col("_rowid") >= lit(first)) & (col("_rowid") <= lit(last))


def _in_order(table: pa.Table) -> pa.Table:
    numbers = row_numbers(table)
    return table if (np.diff(numbers) > 0).all() else table.take(np.argsort(numbers))


def _fields(snapshot: Version, names: Sequence[str]) -> tuple[Hashable, ...]:
    """Columns of the table with their metadata, by which one that was made anew is told apart."""
    there = (snapshot.columns[name] for name in names if name in snapshot.columns)
    return tuple((one.name, str(one.type), tuple((one.metadata or {}).items())) for one in there)
