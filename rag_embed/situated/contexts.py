"""Where written contexts are kept, by key: in memory, or in one SQLite file."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from threading import Lock
from typing import Protocol

from rag_embed.errors import BadInput
from rag_embed.paths import absolute
from rag_embed.processes import PerProcess


class Cache(Protocol):
    """Keeps contexts. Implementations: `InMemory`, `OnDisk`."""

    def get(self, keys: Sequence[str], /) -> Mapping[str, str]:
        """Those that are known."""
        ...

    @property
    def files(self) -> tuple[str, ...]:
        """Absolute paths of the files that it keeps them in."""
        ...

    def put(self, key: str, context: str, owner: str | None, /) -> None:
        """Keep one, before this returns.

        Args:
            key: What it is found by; begins with a group and a colon.
            context: The text.
            owner: Owner of the document that it is about.
        """
        ...

    def forget(self, owner: str, groups: Sequence[str], /) -> None:
        """Erase all of an owner, and all of these groups."""
        ...


class InMemory:
    """A cache that ends with the process."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, str | None]] = {}

    @property
    def files(self) -> tuple[str, ...]:
        """See `Cache`."""
        return ()

    def get(self, keys: Sequence[str], /) -> Mapping[str, str]:
        """See `Cache`."""
        return {key: self._known[key][0] for key in keys if key in self._known}

    def put(self, key: str, context: str, owner: str | None, /) -> None:
        """See `Cache`."""
        self._known[key] = context, owner

    def forget(self, owner: str, groups: Sequence[str], /) -> None:
        """See `Cache`."""
        gone = set(groups)
        self._known = {
            key: one
            for key, one in self._known.items()
            if one[1] != owner and key.rpartition(":")[0] not in gone
        }


class OnDisk:
    """A cache in one SQLite file.

    Args:
        path: The file; made if there is none.

    Raises:
        BadInput: It cannot be made or is no such file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = absolute(path)  # a pickle may be read in another working folder
        self._turn = PerProcess(Lock)
        try:
            self._prepare()
        except sqlite3.Error as error:
            raise BadInput(
                f"The cache {self.path!r} cannot be used: {error}. Name a file in a folder that is there and "
                "can be written."
            ) from error

    def _prepare(self) -> None:
        with self._connected() as database, database:
            database.execute(
                "CREATE TABLE IF NOT EXISTS contexts (key TEXT PRIMARY KEY, text TEXT, owner TEXT)"
            )
            columns = [row[1] for row in database.execute("PRAGMA table_info(contexts)")]
            if "owner" not in columns:  # a file of earlier days
                database.execute("ALTER TABLE contexts ADD COLUMN owner TEXT")

    @property
    def files(self) -> tuple[str, ...]:
        """See `Cache`."""
        return (self.path,)

    def get(self, keys: Sequence[str], /) -> Mapping[str, str]:
        """See `Cache`."""
        with self._connected() as database:
            rows = database.execute(
                "SELECT key, text FROM contexts WHERE key IN (SELECT value FROM json_each(?))",
                [json.dumps(list(keys))],
            )
            return dict(rows.fetchall())

    def put(self, key: str, context: str, owner: str | None, /) -> None:
        """See `Cache`."""
        row = [key, context, owner]
        with self._turn.get(), self._connected() as database, database:
            database.execute("INSERT OR REPLACE INTO contexts VALUES (?, ?, ?)", row)

    def forget(self, owner: str, groups: Sequence[str], /) -> None:
        """See `Cache`; the file is written anew, so that no byte is left."""
        with self._turn.get(), self._connected() as database:
            with database:
                database.execute(
                    "DELETE FROM contexts WHERE owner = ? OR "
                    "substr(key, 1, instr(key, ':') - 1) IN (SELECT value FROM json_each(?))",
                    [owner, json.dumps(list(groups))],
                )
            database.execute("VACUUM")

    def _connected(self) -> closing[sqlite3.Connection]:
        return closing(sqlite3.connect(self.path, timeout=60))
