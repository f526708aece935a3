"""The ``chunks`` table at one version: reading, counting, filters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import pyarrow as pa
from lancedb.expr import Expr, col, lit

from rag_embed.fields import Fields, reads_metadata
from rag_embed.filters import Filter
from rag_embed.stores.metadata_scan import SCANNED_COLUMNS, Scanned
from rag_embed.stores.schema import compiled
from rag_embed.stores.store_errors import explained

T = TypeVar("T")

OWNED = col("has_user_id") == lit(True)
SHARED = col("has_user_id") == lit(False)

_FILTERS = 64
"""Filters whose rows are remembered: tenants and sections recur."""


@dataclass(eq=False)
class Snapshot:
    """A table handle that is checked out and never moves.

    Attributes:
        uri: Where the index is, for error messages.
        table: ``chunks`` at a fixed version.
        fields: The declared fields.
    """

    uri: str
    table: Any
    fields: Fields
    _passing: dict[str, list[str]] = field(default_factory=dict)

    def __len__(self) -> int:
        return self._rows_in_all

    @cached_property
    def _rows_in_all(self) -> int:
        return self.count(None)

    @cached_property
    def private(self) -> bool:
        """Whether any chunk has an owner."""
        return bool(self.count(OWNED))

    def read(self, search: Any) -> pa.Table:  # noqa: ANN401
        """The rows of a search."""
        with explained("read the index", self.uri):
            return search.to_arrow()

    def count(self, condition: Expr | None) -> int:
        """Rows that pass."""
        with explained("read the index", self.uri):
            return int(
                self.table.count_rows(condition if condition is None else condition.to_sql())
            )

    def condition(self, where: Filter | None) -> Expr | None:
        """A resolved filter for LanceDB."""
        if where is None:
            return None
        if reads_metadata(where):
            return among(self.scan(where))
        return compiled(where, self.fields)

    def scan(self, where: Filter) -> list[str]:
        """Ids of the chunks whose metadata passes; remembered."""
        return remembered(self._passing, where, lambda: self._scanned.passing(where))

    @cached_property
    def _scanned(self) -> Scanned:
        return Scanned.of(self.read(self.table.search().select(SCANNED_COLUMNS)), self.fields)

    def of(self, owner: str | None) -> Expr | None:
        """An owner's chunks, or the shared ones; None where that is all."""
        if not self.private:
            return None
        return SHARED if owner is None else col("user_id") == lit(owner)

    def evenly(self, rows: int, column: str, where: Expr | None) -> pa.Table:
        """A column of evenly spaced rows, of all if there are no more."""
        if where is None:
            step = max(1, -(-len(self) // rows))
            offsets = list(range(0, len(self), step))
            return self.read(self.table.take_offsets(offsets).select([column]))
        search = self.table.search().where(where).select(["id"]).with_row_id(True)
        row_ids = self.read(search)["_rowid"].to_pylist()
        step = max(1, -(-len(row_ids) // rows))
        return self.read(self.table.take_row_ids(row_ids[::step]).select([column]))


def remembered(known: dict[str, T], where: Filter | None, found: Callable[[], T]) -> T:
    """Look a filter up by its text: as keys of a dict, ``x == 1`` and ``x == True`` are one."""
    key = repr(where)
    if key not in known:
        if len(known) >= _FILTERS:
            known.clear()
        known[key] = found()
    return known[key]


def among(ids: Sequence[str]) -> Expr:
    """These chunks."""
    return col("id").isin(list(ids)) if ids else lit(False)


def narrowed(search: Any, condition: Expr | None) -> Any:  # noqa: ANN401
    """A search for rows that pass."""
    return search if condition is None else search.where(condition, prefilter=True)
