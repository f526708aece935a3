"""Bytes by name in LanceDB, beside an index's chunks: one table, made with its first file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from rag_embed.stores.checks import check_files
from rag_embed.stores.locks import turn
from rag_embed.stores.places import local
from rag_embed.stores.snapshot import among
from rag_embed.stores.store_errors import explained
from rag_embed.stores.tables import made, names_of, upsert

FILES = "files"
"""Name of the table."""

_SCHEMA = pa.schema(
    [
        pa.field("name", pa.string(), nullable=False),
        pa.field("size", pa.int64(), nullable=False),
        pa.field("content", pa.large_binary(), nullable=False),
    ]
)


class LanceFiles:
    """The `protocols.Files` of a `LanceStore`; also on an object store.

    Args:
        uri: Of the index.
        database: Its connection.
    """

    def __init__(self, uri: str, database: Any) -> None:  # noqa: ANN401
        self._uri = uri
        self._database = database
        self._opened: Any = None

    def names(self, under: str = "", /) -> list[str]:
        """See `protocols.Files`."""
        with explained("read the files of the index", self._uri):
            table = self.table
            rows = [] if table is None else table.search().select(["name"]).to_list()
        return sorted(row["name"] for row in rows if row["name"].startswith(under))

    def get(self, names: Sequence[str], /) -> dict[str, bytes]:
        """See `protocols.Files`."""
        with explained("read the files of the index", self._uri):
            table = self.table
            if table is None or not names:
                return {}
            found = table.search().where(among(names, "name"))
            return {row["name"]: row["content"] for row in found.to_list()}

    def put(self, files: Mapping[str, bytes], /) -> None:
        """See `protocols.Files`."""
        check_files(files)
        if not files:
            return
        with explained("write files to the index", self._uri), turn(self._uri):
            self.write(files)

    def write(self, files: Mapping[str, bytes]) -> None:
        """`put` for whoever holds the lock."""
        rows = [{"name": n, "size": len(c), "content": c} for n, c in files.items()]
        upsert(self._made(), "name", pa.Table.from_pylist(rows, schema=_SCHEMA))

    def remove(self, names: Sequence[str], /) -> int:
        """See `protocols.Files`."""
        with explained("remove files of the index", self._uri), turn(self._uri):
            table = self.table
            if table is None or not names:
                return 0
            return int(table.delete(among(names, "name")).num_deleted_rows)

    @property
    def table(self) -> Any:  # noqa: ANN401
        """The table; None before the first file."""
        if self._opened is None:
            self._opened = made(self._database, FILES)
        return self._opened

    def _made(self) -> Any:  # noqa: ANN401
        if self.table is None:
            try:
                alone = (
                    local(self._uri) is not None
                )  # else another process may be making it just now
                if alone and FILES in names_of(self._database):  # one died while it made it
                    self._database.drop_table(FILES)
                self._database.create_table(FILES, schema=_SCHEMA)
            except ValueError:  # without a lock another process may have made it just now
                if self.table is None:
                    raise
        table = self.table
        if not (table.schema.field("name").metadata or {}):  # a crash may have come in between
            table.set_unenforced_primary_key("name")
        return table
