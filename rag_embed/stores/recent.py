"""The rows of chunks that were read last, in bounded memory; or all of them, packed."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

from rag_embed.stores.packed_rows import PackedRows, Row
from rag_embed.stores.roster import SINGLE, Mask

ROOM = 16 * 2**20
"""Characters that are kept."""

_BESIDE, _PACKED = 500, 100
"""What a row takes beside its texts, in characters; and what it takes when it is packed."""

_READ = 2000
"""What a read of single rows costs beside them, in rows that are read with all others."""


class Recent:
    """Rows by slot, which says of what version a row is: LanceDB never changes one.

    Those that were not asked for for the longest time go first. A version has another than the one before,
    unless all it did was to add rows: so what is deleted or replaced is not in that of the next version.

    Args:
        room: How many characters are kept, of rows that are not packed.

    Examples:
        >>> some = Recent(room=1020)
        >>> for slot, text in enumerate(["one", "two", "three"]):
        ...     some.put(slot, {"text": text, "metadata_json": ""})
        >>> [slot for slot in range(3) if some.get(slot)]
        [1, 2]
    """

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._rows: OrderedDict[int, tuple[Row, int]] = OrderedDict()
        self._used = self._spent = 0
        self._packed: PackedRows | None = None
        self._lock = Lock()

    def get(self, slot: int) -> Row | None:
        """A row, if it is kept."""
        with self._lock:
            if (kept := self._rows.get(slot)) is not None:
                self._rows.move_to_end(slot)
                return kept[0]
            row = None if self._packed is None else self._packed.get(slot)
            if row is not None:
                self._put(slot, row)
            return row

    def put(self, slot: int, row: Row) -> None:
        """Keep a row; one that is larger than the room is not."""
        with self._lock:
            self._put(slot, row)

    def _put(self, slot: int, row: Row) -> None:
        size = len(row["text"]) + len(row["metadata_json"]) + _BESIDE
        if size > self._room or slot in self._rows:
            return
        self._rows[slot] = row, size
        self._used += size
        while self._used > self._room:
            self._used -= self._rows.popitem(last=False)[1][1]

    def keep(self, packed: PackedRows) -> None:
        """Keep all rows, in place of those that were read one by one."""
        with self._lock:
            self._packed = packed
            self._rows.clear()
            self._used = 0

    def clear(self) -> None:
        """Keep none of the rows."""
        with self._lock:
            self._packed = None
            self._rows.clear()
            self._used = self._spent = 0

    def all_at_once(self, wanted: int, rows: int, room: int) -> bool:
        """Whether to read all rows, where some are not kept; asked each time before they are read.

        Args:
            wanted: How many are not kept.
            rows: How many there are in all.
            room: Bytes that all may take, packed.
        """
        with self._lock:
            self._spent += _READ + wanted * SINGLE
            known = len(self._rows)  # by which it is judged whether all fit
            if not known or self._spent < rows:
                return False
            if (self._used / known - _BESIDE + _PACKED) * rows > room:
                return False
            self._spent = 0
            return True

    def among(self, live: Mask) -> Recent:
        """What is kept of some slots, for another version that has them."""
        other, size = Recent(self._room), len(live)
        with self._lock:
            other._spent = self._spent
            other._packed = self._packed
            for slot, kept in self._rows.items():
                if slot < size and live[slot]:
                    other._rows[slot] = kept
                    other._used += kept[1]
        if other._packed is not None:
            other._packed = other._packed.among(live)
        return other
