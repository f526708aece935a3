"""Rows of chunks by id: from memory, from the table one by one, or all at once where that is cheaper."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa

from rag_embed.stores.packed_rows import PackedRows, Row
from rag_embed.stores.resident import Resident
from rag_embed.stores.roster import Rows, row_numbers
from rag_embed.stores.schema import CHUNK_COLUMNS
from rag_embed.stores.snapshot import Snapshot

_SHARE = 4


def rows_of(
    snapshot: Snapshot, resident: Resident, ids: Sequence[str], cache_bytes: int
) -> dict[str, Row]:
    """The rows of those chunks that exist; those that were read last are not read again.

    Args:
        snapshot: The version.
        resident: Its chunks.
        ids: Distinct.
        cache_bytes: All rows may take a quarter of it. Where they fit they are read once as much was spent on
            single ones as all of them cost.
    """
    recent, places = resident.recent, resident.places(ids).tolist()
    slots = {id: slot for id, slot in zip(ids, places, strict=True) if slot >= 0}
    known = {id: recent.get(slot) for id, slot in slots.items()}
    found = {id: row for id, row in known.items() if row is not None}
    lacking = [id for id in slots if id not in found]
    if not lacking:
        return found
    if recent.all_at_once(len(lacking), resident.count, cache_bytes // _SHARE):
        packed = PackedRows.of(_all(snapshot, resident))
        recent.keep(packed)
        known = {id: packed.get(slots[id]) for id in lacking}
        return found | {id: row for id, row in known.items() if row is not None}
    numbers = resident.roster.numbers[[slots[id] for id in lacking]]
    table = snapshot.at(numbers, CHUNK_COLUMNS)
    for slot, row in zip(_slots(resident, table).tolist(), table.to_pylist(), strict=True):
        recent.put(slot, row)
        found[row["id"]] = row
    return found


def _all(snapshot: Snapshot, resident: Resident) -> Iterator[tuple[Rows, pa.RecordBatch]]:
    for table in snapshot.stream(CHUNK_COLUMNS):
        slots = _slots(resident, table)
        [rows] = table.select(CHUNK_COLUMNS).combine_chunks().to_batches()
        yield slots, rows


def _slots(resident: Resident, table: pa.Table) -> Rows:
    return resident.roster.slots(row_numbers(table))[0]
