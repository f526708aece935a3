"""The rows of chunks that were read last, in bounded memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from threading import Lock
from typing import Any, TypeAlias

from rag_embed.stores.roster import SINGLE, Mask

Row: TypeAlias = Mapping[str, Any]
"""A chunk as `schema.chunk_of` takes it; nobody may change it."""

ROOM = 16 * 2**20
"""Characters that are kept."""

_BESIDE = 500
"""What a row takes beside its texts, in characters."""


class Recent:
    """Rows by slot, which says of what version a row is: LanceDB never changes one.

    Those that were not asked for for the longest time go first. Each version has its own, so that
    what is deleted or replaced is not in that of the next version.

    Args:
        room: How many characters are kept.

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
        self._used = self._singles = 0
        self._lock = Lock()

    def get(self, slot: int) -> Row | None:
        """A row, if it is kept."""
        with self._lock:
            found = self._rows.get(slot)
            if found is None:
                return None
            self._rows.move_to_end(slot)
            return found[0]

    def put(self, slot: int, row: Row) -> None:
        """Keep a row; one that is larger than the room is not."""
        size = len(row["text"]) + len(row["metadata_json"]) + _BESIDE
        with self._lock:
            if size > self._room or slot in self._rows:
                return
            self._rows[slot] = row, size
            self._used += size
            while self._used > self._room:
                self._used -= self._rows.popitem(last=False)[1][1]

    def clear(self) -> None:
        """Keep none of the rows."""
        with self._lock:
            self._rows.clear()
            self._used = self._singles = 0

    def all_at_once(self, wanted: int, rows: int) -> bool:
        """Whether to read all rows, where some are not kept; asked each time before they are read.

        Args:
            wanted: How many are not kept.
            rows: How many there are in all.
        """
        with self._lock:
            self._singles += wanted
            known = len(self._rows)  # by which it is judged whether all fit
            if not known or self._singles * SINGLE < rows or self._used * rows > self._room * known:
                return False
            self._singles = 0
            return True

    def among(self, live: Mask) -> Recent:
        """What is kept of some slots, for another version that has them."""
        other, size = Recent(self._room), len(live)
        with self._lock:
            other._singles = self._singles
            for slot, kept in self._rows.items():
                if slot < size and live[slot]:
                    other._rows[slot] = kept
                    other._used += kept[1]
        return other
