"""Rows of chunks as they were read, by slot: little more than the bytes of their texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rag_embed.stores.roster import Mask, Rows

Row: TypeAlias = Mapping[str, Any]
"""A chunk as `schema.chunk_of` takes it; nobody may change it."""


@dataclass(frozen=True, slots=True, eq=False)
class PackedRows:
    """Rows that do not change.

    Attributes:
        parts: Slots, and the rows in them.
        places: ``(size, 2)`` the part of each slot and the row in it; -1 where there is none.
    """

    parts: tuple[tuple[Rows, pa.RecordBatch], ...]
    places: npt.NDArray[np.int32]

    @classmethod
    def of(cls, parts: Iterable[tuple[Rows, pa.RecordBatch]]) -> PackedRows:
        """Rows by their slots.

        Examples:
            >>> some = PackedRows.of([(np.array([4, 2]), pa.record_batch({"text": ["red", "fox"]}))])
            >>> some.get(2), some.get(3)
            ({'text': 'fox'}, None)
        """
        kept = tuple((slots, rows) for slots, rows in parts if len(slots))
        size = max((int(slots.max()) + 1 for slots, _ in kept), default=0)
        places = np.full((size, 2), -1, dtype=np.int32)
        for part, (slots, _) in enumerate(kept):
            places[slots, 0], places[slots, 1] = part, np.arange(len(slots))
        return cls(kept, places)

    def get(self, slot: int) -> Row | None:
        """The row in a slot, if there is one."""
        if slot >= len(self.places):
            return None
        part, row = self.places[slot].tolist()
        if part < 0:
            return None
        rows = self.parts[part][1]
        values = (column[row].as_py() for column in rows.columns)
        return dict(zip(rows.schema.names, values, strict=True))

    def among(self, live: Mask) -> PackedRows:
        """Those in some slots; of the others no byte is kept."""
        size, parts, whole = len(live), [], True
        for slots, rows in self.parts:
            known = live[np.minimum(slots, size - 1)] & (slots < size) if size else slots < 0
            if not known.all():
                slots, rows, whole = slots[known], rows.filter(pa.array(known)), False
            parts.append((slots, rows))
        return self if whole else PackedRows.of(parts)
