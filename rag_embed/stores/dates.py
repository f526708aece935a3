"""The dates of chunks: a declared field of times, as seconds, held in memory by slot; see `resident`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import pyarrow as pa

from rag_embed.stores.growing import Growing
from rag_embed.stores.roster import Rows, room
from rag_embed.stores.schema import field_columns
from rag_embed.stores.snapshot import Snapshot, among
from rag_embed.types import Seconds


class Dates:
    """The times of a field.

    Args:
        name: The field.
    """

    def __init__(self, name: str) -> None:
        self.sources = field_columns(name)
        self.filled = Growing(np.bool_)
        self.most = None
        self._seconds = Growing(np.float64)

    def upto(self, size: int) -> Seconds:
        """``(size,)`` the times of the first slots, in seconds since 1970; NaN for none."""
        return self._seconds.upto(size)

    def put(self, slots: Rows, table: pa.Table) -> None:
        """See `roster.Column`."""
        size = room(self.filled, slots)
        self._seconds.upto(size)[slots] = _seconds(table, self.sources)
        self.filled.upto(size)[slots] = True


def dates_of(snapshot: Snapshot, name: str, ids: Sequence[str]) -> Seconds:
    """See `protocols.View.dates`."""
    snapshot.fields.check_dates(name)
    if (resident := snapshot.resident) is not None:
        known = resident.filled(("dates", name), partial(Dates, name)).upto(resident.size)
        return np.append(known, np.nan)[resident.places(ids)]
    columns = field_columns(name)
    search = snapshot.table.search().where(among(ids)).select(["id", *columns])
    table = snapshot.read(search)
    found = dict(zip(table["id"].to_pylist(), _seconds(table, columns).tolist(), strict=True))
    return np.array([found.get(id, np.nan) for id in ids], np.float64)


def _seconds(table: pa.Table, columns: Sequence[str]) -> Seconds:
    value, has = (table[one] for one in columns)
    microseconds = value.cast(pa.int64()).fill_null(0).to_numpy()
    return np.where(has.fill_null(False).to_numpy(), microseconds / 1e6, np.nan)
