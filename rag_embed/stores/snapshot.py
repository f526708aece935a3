"""The ``chunks`` table at one version: reading, counting, filters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from lancedb.expr import Expr, col, lit

from rag_embed.errors import StoreError
from rag_embed.fields import READERS, Fields
from rag_embed.filters import Filter
from rag_embed.stores.changes import added
from rag_embed.stores.columns import Verdict
from rag_embed.stores.expressions import balanced, compiled, fits
from rag_embed.stores.held import Held
from rag_embed.stores.judging import Judge, remembered
from rag_embed.stores.manifests import FRAGMENT, Manifest
from rag_embed.stores.metadata_scan import Scan
from rag_embed.stores.resident import Resident
from rag_embed.stores.schema import packed
from rag_embed.stores.store_errors import explained
from rag_embed.stores.tables import even_rows, marks_of, narrow, passing
from rag_embed.stores.version import Version
from rag_embed.text import storable
from rag_embed.types import STRANGER, Principal

GROUPED = col(READERS) != lit("")
"""Chunks that name groups."""

PRIVATE = (col("has_user_id") == lit(True)) | GROUPED
"""Chunks that are not for everybody."""

SHARED = (col("has_user_id") == lit(False)) & (col(READERS) == lit(""))

_FOUND = 10_000
"""Chunks that were found last whose row numbers are kept: by those LanceDB reads a row in half the time."""


@dataclass(eq=False)
class Snapshot:
    """A version of a table, which never moves.

    Attributes:
        uri: Where the index is, for error messages.
        opened: Gives the handle of ``chunks`` at this version, always the same.
        version: The version.
        fields: The declared fields.
        marked: Gives the marks of ``chunks`` at another version.
        held: What is held of this place in memory.
        most: Rows up to which it is held.
        told: What the version says of itself; None where only LanceDB can tell.
    """

    uri: str
    opened: Callable[[], Any]
    version: int
    fields: Fields
    marked: Callable[[int], frozenset[str]]
    held: Held
    most: int
    told: Manifest | None = None
    _resolved: dict[Filter | None, Filter | None] = field(default_factory=dict)
    _passing: dict[Filter | None, list[str]] = field(default_factory=dict)
    _counted: dict[Principal | None, int] = field(default_factory=dict)
    _found: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return self._rows_in_all

    @cached_property
    def table(self) -> Any:  # noqa: ANN401
        """The handle of ``chunks``, opened when it is first needed: most searches need none."""
        with explained("read the index", self.uri):
            return self.opened()

    @cached_property
    def _rows_in_all(self) -> int:
        return self.count(None) if self.told is None else self.told.rows

    @cached_property
    def private(self) -> bool:
        """Whether any chunk is not for everybody."""
        if self.held.begun and self.resident is not None:
            return self.resident.private
        return bool(self.count(PRIVATE, 1))

    @cached_property
    def grouped(self) -> bool:
        """Whether any chunk names groups."""
        if self.held.begun and self.resident is not None:
            return self.resident.grouped
        return bool(self.count(GROUPED, 1))

    @cached_property
    def resident(self) -> Resident | None:
        """The chunks in memory; None when they are too many."""
        # They hold what they are read from: if it were this, both would wait for the collector of garbage.
        return self.held.at(replace(self)) if len(self) <= self.most else None

    @cached_property
    def columns(self) -> Mapping[str, pa.Field]:
        """See `version.Version`."""
        return self.held.columns(self.told.columns if self.told else None, self._columns)

    def _columns(self) -> Mapping[str, pa.Field]:
        with explained("read the index", self.uri):
            return {column.name: column for column in self.table.schema}

    @cached_property
    def marks(self) -> frozenset[str]:
        """See `version.Version`."""
        if self.told is not None:
            return self.told.marks
        with explained("read the index", self.uri):
            return marks_of(self.table)

    def follows(self, other: Version) -> bool:
        """See `version.Version`.

        Versions that share a search index are of one table; else the other version is looked up.
        """
        if self.marks & other.marks:
            return True
        with suppress(OSError, RuntimeError, ValueError, StoreError):  # dropped, so nobody can tell
            return bool(other.marks) and other.marks == self.marked(other.version)
        return False

    def read(self, search: Any) -> pa.Table:  # noqa: ANN401
        """The rows of a search."""
        with explained("read the index", self.uri):
            return search.to_arrow()

    def found(self, search: Any, score: str) -> pa.Table:  # noqa: ANN401
        """Ids and scores of what a search finds, whose rows are read more cheaply from then on.

        Args:
            search: The search.
            score: Name of the column of scores.
        """
        rows = self.read(search.select(["id", score]).with_row_id(True))
        if len(self._found) + len(rows) > _FOUND:
            self._found.clear()
        some = rows.slice(0, _FOUND)
        self._found.update(zip(some["id"].to_pylist(), some["_rowid"].to_pylist(), strict=True))
        return rows

    def by_id(self, ids: Sequence[str], columns: Sequence[str]) -> pa.Table:
        """The rows of those chunks that exist, in any order."""
        if self.held.begun and self.resident is not None:  # half the time of a search by id
            return self.at(self.resident.numbers(ids), columns)
        known = [self._found.get(id) for id in ids]
        numbers = [one for one in known if one is not None]
        if len(numbers) == len(known):
            return self.at(np.array(numbers, dtype=np.int64), columns)
        return self.read(self.table.search().where(among(ids)).select(list(columns)))

    def scan(
        self, columns: Sequence[str], where: Expr | None = None, limit: int | None = None
    ) -> pa.Table:
        """See `version.Version`."""
        with explained("read the index", self.uri):
            search = self.table.search().select([*columns, "_rowid"]).with_row_id(True)
            search = search if where is None else search.where(where)
            search = search if limit is None else search.limit(limit)
            return narrow(search)

    def since(
        self, before: Version, last: int, columns: Sequence[str], most: int
    ) -> pa.Table | None:
        """See `version.Version`."""
        newer = col("_rowid") > lit(last)
        if self.told is None or before.told is None:
            found = self.scan(columns, newer, most + 1)
            return found if len(found) <= most and len(found) + len(before) == len(self) else None
        fresh = added(before.told, self.told, last >> FRAGMENT)
        if fresh is None or sum(one.rows - one.deleted for one in fresh) > most:
            return None
        if any(one.deleted for one in fresh):
            return self.scan(columns, newer)
        written = [self.held.written.of(one, columns) for one in fresh]
        if written and all(one is not None for one in written):
            return pa.concat_tables(written)
        numbers = [one.numbers for one in fresh]
        return self.at(np.concatenate([*numbers, np.empty(0, np.int64)]), columns)

    def stream(self, columns: Sequence[str], where: Expr | None = None) -> Iterator[pa.Table]:
        """See `version.Version`."""
        with explained("read the index", self.uri):
            search = narrowed(self.table.search().select(list(columns)).with_row_id(True), where)
            for batch in search.to_batches():
                yield pa.Table.from_batches([batch])

    def at(self, numbers: npt.NDArray[np.int64], columns: Sequence[str]) -> pa.Table:
        """See `version.Version`."""
        with explained("read the index", self.uri):
            search = self.table.take_row_ids(numbers.tolist()).select(list(columns))
        return self.read(search.with_row_id())

    def count(self, condition: Expr | None, most: int | None = None) -> int:
        """Rows that pass; up to ``most`` of them where no more need be known."""
        with explained("read the index", self.uri):
            if condition is None:
                return int(self.table.count_rows())
            return passing(self.table, condition, most)

    def seen(self, whom: Principal) -> int:
        """Chunks that somebody may read."""
        if not self.private:
            return len(self)
        parts = {None} if whom == STRANGER else {None, whom}
        resident = self.resident if self.held.begun else None
        for one in parts - self._counted.keys():
            if resident is None:
                self._counted[one] = self.count(self.of(one))
            else:
                self._counted[one] = int(np.count_nonzero(resident.of(one)))
        return sum(self._counted[one] for one in parts)

    def resolved(self, where: Filter | None) -> Filter | None:
        """See `Fields.resolved`; remembered, since a long filter takes a while."""
        return remembered(self._resolved, where, lambda: self.fields.resolved(where))

    def condition(self, where: Filter | None) -> Expr | None:
        """A resolved filter for LanceDB."""
        if where is None:
            return None
        judged = self.judged(where)
        return compiled(where, self.fields) if judged is None else among(judged)

    def mask(self, where: Filter, resident: Resident) -> npt.NDArray[np.bool_]:
        """The slots of what matches a resolved filter; asked again, it costs what is new."""

        def verdict() -> Verdict:
            if (ids := self.judged(where)) is None:
                numbers = self.scan((), self.condition(where))["_rowid"].to_numpy()
                passing = resident.mask(numbers.astype(np.int64))
            else:
                passing = resident.among(ids)
            return Verdict(where, self.fields, passing, resident.live)

        found = resident.filled(("filter", where), verdict)
        mask: npt.NDArray[np.bool_] = found.upto(resident.size) & resident.live
        return mask

    def judged(self, where: Filter | None) -> list[str] | None:
        """Ids of the chunks that match a resolved filter; None where LanceDB judges it as well."""
        if where is None or fits(where, self.fields):
            return None

        def passing() -> list[str]:
            resident = self.resident if self.held.begun else None
            if resident is not None and resident.known(("filter", where)):
                ids, mask = resident.roster.ids, self.mask(where, resident)
                return [ids[i] for i in np.flatnonzero(mask)]
            ids = self._scan.ids
            return [ids[i] for i in self._judge.rows(where)]

        return remembered(self._passing, where, passing)

    def passing(self, where: Filter | None) -> list[str]:
        """Ids of the chunks that match a resolved filter, in any order."""
        if (judged := self.judged(where)) is not None:
            return judged
        ids: list[str] = self.scan(["id"], self.condition(where))["id"].to_pylist()
        return ids

    @cached_property
    def _scan(self) -> Scan:
        other = replace(self)  # as in `resident`
        return Scan(other.scan, self.fields)

    @cached_property
    def _judge(self) -> Judge:
        return Judge(len(self._scan.ids), self._scan.values)

    def of(self, whom: Principal | None) -> Expr | None:
        """Chunks for somebody that are not for everybody, or those that are; None where that is all."""
        if not self.private:
            return None
        if whom is None:
            return SHARED
        mine = lit(False) if whom.user is None else among([whom.user], "user_id")
        return balanced([mine, *map(_for_group, whom.groups)], Expr.__or__, False)

    def evenly(self, rows: int, column: str, where: Expr | None) -> pa.Table:
        """A column of evenly spaced rows, of all if there are no more."""
        with explained("read the index", self.uri):
            return self.at(even_rows(self.table, rows, where), [column])

    def mean_bytes(self, column: str, rows: int) -> float:
        """Mean size of a column's bytes, over so many evenly spaced rows; 0 where there are none."""
        if not len(self):
            return 0.0
        found = pc.mean(pc.binary_length(self.evenly(rows, column, None)[column])).as_py()
        return float(found or 0.0)


def _for_group(group: str) -> Expr:
    return col(READERS).contains(lit(packed([group])))


def among(ids: Sequence[str], column: str = "id") -> Expr:
    """The rows with one of these ids; one that no row can have, since it cannot be stored, is none."""
    known = [id for id in ids if storable(id) == id]
    return col(column).isin(known) if known else lit(False)


def narrowed(search: Any, condition: Expr | None) -> Any:  # noqa: ANN401
    """A search for rows that pass."""
    return search if condition is None else search.where(condition, prefilter=True)
