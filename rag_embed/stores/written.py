"""Rows that this process wrote and has not searched yet: the next search need not read them back."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

import pyarrow as pa

from rag_embed.stores.manifests import Fragment

_ROOM = 8 * 2**20


class Written:
    """Rows by the file that they lie in, in bounded memory.

    LanceDB draws the name of a file at random and never changes one, so a name stands for the rows of one
    write, whatever became of the table since. Those that were written first go first.

    Args:
        room: How many bytes are kept.

    Examples:
        >>> from rag_embed.stores.manifests import Named
        >>> some = Written()
        >>> some.put("data/a", pa.table({"id": ["x", "y"]}))
        >>> two = Fragment(number=1, rows=2, deleted=0, files=(Named("data/a", 80),))
        >>> some.of(two, ["id"])["_rowid"].to_pylist()
        [4294967296, 4294967297]
    """

    def __init__(self, room: int = _ROOM) -> None:
        self._room = room
        self._rows: dict[str, pa.Table] = {}
        self._lock = Lock()

    def put(self, path: str, rows: pa.Table) -> None:
        """Keep what a file holds, row by row in its order."""
        with self._lock:
            self._rows[path] = rows
            while sum(one.nbytes for one in self._rows.values()) > self._room:
                del self._rows[next(iter(self._rows))]

    def of(self, fragment: Fragment, columns: Sequence[str]) -> pa.Table | None:
        """The rows of a fragment with their numbers; None where they are not at hand.

        Args:
            fragment: As it was written.
            columns: What the rows must have.
        """
        with self._lock:
            [path, *others] = [file.path for file in fragment.files]
            rows = self._rows.get(path)
        if rows is None or others or not set(columns) <= set(rows.column_names):
            return None
        return rows.append_column("_rowid", pa.array(fragment.numbers))

    def clear(self) -> None:
        """Keep none of the rows."""
        with self._lock:
            self._rows.clear()
