"""The vectors of chunks, and what filters say of them, held in memory by slot; see `resident`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rag_embed.fields import Fields
from rag_embed.filters import Filter, columns
from rag_embed.maths.frequencies import Frequencies
from rag_embed.maths.moments import Moments
from rag_embed.maths.nearest import exact, near, worthwhile
from rag_embed.maths.running import Running
from rag_embed.maths.sign_codes import SignCodes
from rag_embed.stores.growing import Growing
from rag_embed.stores.judging import Judge
from rag_embed.stores.metadata_scan import Scan, scanned
from rag_embed.stores.roster import FEW, Mask, Rows, room
from rag_embed.types import Principal, Vectors

Sum = TypeVar("Sum", Moments, Frequencies)

_SAMPLED = 16
"""One row in so many counts for the mean that codes are taken about."""

_READERS = 64
"""Those who ask whose statistics are remembered; one is a megabyte for 384 dimensions."""


@dataclass(eq=False)
class PerReader(Generic[Sum]):
    """A statistic of the rows that somebody may read and not everybody, and of those for everybody."""

    _known: dict[Principal | None, Running[Sum]] = field(default_factory=dict)

    def of(self, whom: Principal | None, members: Mask, measured: Callable[[Rows], Sum]) -> Sum:
        """The statistic of some slots, which are all of these rows in one version.

        Args:
            whom: Who asks; None for everybody.
            members: The slots.
            measured: The statistic of the rows in some slots; not kept, as it holds who keeps this.
        """
        before = self._known.pop(whom, None)
        if len(self._known) >= _READERS:
            self._known.pop(next(iter(self._known)))
        now = (before.moved if before else Running.of)(members, measured)
        self._known[whom] = now
        return now.value


class Matrix:
    """A space's vectors.

    Args:
        space: The space.
        dim: Its dimension.
    """

    def __init__(self, space: str, dim: int) -> None:
        self.sources = (f"v_{space}",)
        self.filled = Growing(np.bool_)
        self._moments = PerReader[Moments]()
        self.most = None
        self._dim = dim
        self._rows = Growing(np.float32, dim)
        self._codes: SignCodes | None = None
        self._coded_from = 0
        self._lock = Lock()

    def upto(self, size: int) -> Vectors:
        """``(size, dim)`` the rows of the first slots; 0 where nobody has read one."""
        return self._rows.upto(size)

    def nearest(
        self, vectors: Vectors, allowed: Mask, n: int
    ) -> list[tuple[Rows, npt.NDArray[np.float32]]]:
        """Slots among which the best for each vector are, and their dot products with it.

        Where rows are many they are found by codes, which miss fewer than one of a thousand.

        Args:
            vectors: ``(queries, dim)``.
            allowed: ``(size,)`` the slots that count.
            n: How many of the best are wanted, at most as many as count.
        """
        rows = self.upto(len(allowed))
        if not worthwhile(int(np.count_nonzero(allowed)), n):
            return exact(rows, vectors, allowed, n)
        codes, found = self._coded(len(allowed)), []
        for one in vectors:
            some = near(codes.distances(one, len(allowed)), rows, one, allowed, n)
            found += exact(rows, one[None], allowed, n) if some is None else [some]
        return found

    def _coded(self, size: int) -> SignCodes:
        """The codes of all rows; made anew when there are twice as many, since their mean has moved."""
        with self._lock:
            if self._codes is None or size > 2 * self._coded_from:
                slots = np.flatnonzero(self.filled.upto(size))
                mean = self.upto(size)[slots[::_SAMPLED]].mean(axis=0)
                self._codes, self._coded_from = SignCodes(mean), size
                self._codes.put(slots, self.upto(size)[slots])
            return self._codes

    def put(self, slots: Rows, table: pa.Table) -> None:
        """See `roster.Column`."""
        size = room(self.filled, slots)
        column = table[self.sources[0]]
        rows = matrix_of(column, self._dim)
        with self._lock:
            self._rows.upto(size)[slots] = rows
            self.filled.upto(size)[slots] = column.is_valid().to_numpy()
            if self._codes is not None:
                self._codes.put(slots, rows)

    def moments(self, whom: Principal | None, members: Mask) -> Moments:
        """See `PerReader`."""
        return self._moments.of(whom, members, self._measured)

    def _measured(self, rows: Rows) -> Moments:
        first = self._rows.upto(len(rows))
        same = len(rows) == 0 or rows[-1] == len(rows) - 1
        return Moments.of(first if same else self._rows.upto(int(rows[-1]) + 1)[rows])


class Verdict:
    """What a filter says of every chunk.

    Args:
        where: The filter, resolved.
        fields: The declared fields.
        passing: Slots that pass, among those that are known.
        known: Slots that are known, as masks.
    """

    def __init__(self, where: Filter, fields: Fields, passing: Mask, known: Mask) -> None:
        self.sources = scanned(columns(where), fields)
        self.filled = Growing(np.bool_)
        self.most = FEW
        self._where, self._fields = where, fields
        self._passing = Growing(np.bool_)
        self.filled.upto(len(known))[:] = known
        self._passing.upto(len(passing))[:] = passing

    def upto(self, size: int) -> Mask:
        """Which of the first slots pass; those that nobody has read do not."""
        return self._passing.upto(size)

    def put(self, slots: Rows, table: pa.Table) -> None:
        """See `roster.Column`."""
        size = room(self.filled, slots)
        judge = Judge(len(table), Scan(table.select, self._fields).values)
        self._passing.upto(size)[slots[judge.rows(self._where)]] = True
        self.filled.upto(size)[slots] = True


def matrix_of(column: pa.ChunkedArray, dim: int) -> Vectors:
    """The rows of a vector column; a row still to be computed is 0, like nothing that is asked."""
    if column.null_count:
        rows = np.zeros((len(column), dim), dtype=np.float32)
        rows[column.is_valid().to_numpy()] = matrix_of(column.drop_null(), dim)
        return rows
    parts = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in column.chunks]
    flat = np.concatenate(parts) if parts else np.empty(0, np.float32)
    return np.ascontiguousarray(flat.reshape(-1, dim), dtype=np.float32)
