"""Rows of chunks by id: from memory, from the table one by one, or all at once where that is cheaper."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa

from rag_embed.stores.recent import Row
from rag_embed.stores.resident import Resident
from rag_embed.stores.roster import row_numbers
from rag_embed.stores.schema import CHUNK_COLUMNS
from rag_embed.stores.snapshot import Snapshot


def rows_of(snapshot: Snapshot, resident: Resident, ids: Sequence[str]) -> dict[str, Row]:
    """The rows of those chunks that exist; those that were read last are not read again.

    Args:
        snapshot: The version.
        resident: Its chunks.
        ids: Distinct.
    """
    recent, places = resident.recent, resident.places(ids).tolist()
    slots = {id: slot for id, slot in zip(ids, places, strict=True) if slot >= 0}
    known = {id: recent.get(slot) for id, slot in slots.items()}
    found = {id: row for id, row in known.items() if row is not None}
    lacking = [id for id in slots if id not in found]
    for table in _read(snapshot, resident, [slots[id] for id in lacking]):
        places = resident.roster.slots(row_numbers(table))[0].tolist()
        for slot, row in zip(places, table.to_pylist(), strict=True):
            recent.put(slot, row)
            if row["id"] in slots:
                found[row["id"]] = row
    return found


def _read(snapshot: Snapshot, resident: Resident, slots: Sequence[int]) -> Iterator[pa.Table]:
    """These rows, or all: when as much was spent on single ones as all of them cost, and they fit."""
    if not slots:
        return
    if resident.recent.all_at_once(len(slots), resident.count):
        yield from snapshot.stream(CHUNK_COLUMNS)
    else:
        yield snapshot.at(resident.roster.numbers[slots], CHUNK_COLUMNS)
