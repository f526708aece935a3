"""Opening views: the latest version of an index, once for all who read it."""

from __future__ import annotations

import os
import re
from collections.abc import Hashable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from threading import Lock
from typing import Any

from rag_embed.analysis import Analyzer
from rag_embed.fields import Fields
from rag_embed.stores.held import held_at, rows_held
from rag_embed.stores.lance_view import LanceView
from rag_embed.stores.places import local
from rag_embed.stores.rereading import reread
from rag_embed.stores.snapshot import Snapshot
from rag_embed.stores.store_errors import explained
from rag_embed.stores.tables import latest, opened

_MANIFEST = re.compile(r"\d{20}\.manifest")
"""The name of a version's file: 2^64 - 1 less its number, so that the latest is the first by name."""


class LanceViewing:
    """Opens views of an index.

    Args:
        uri: Of the index.
        database: Its connection.
        fields: The declared fields.
        analyzer: Settings of lexical search.
        options: Of the connection.
    """

    def __init__(
        self,
        uri: str,
        database: Any,  # noqa: ANN401
        fields: Fields,
        analyzer: Analyzer,
        options: Mapping[str, str] | None,
    ) -> None:
        self._uri = uri
        self._database = database
        self._fields = fields
        self._analyzer = analyzer
        self._options = options
        self._tables = [latest(database, name) for name in ("chunks", "documents")]
        self._folders = [] if local(uri) is None else [str(table.uri) for table in self._tables]
        self._latest: tuple[Hashable, LanceView] | None = None
        self._lock = Lock()

    def latest(
        self,
        spaces: Mapping[str, int],
        tokens: Sequence[str],
        sparse: Mapping[str, int],
        cache_bytes: int,
    ) -> LanceView:
        """A view of the latest version.

        Args:
            spaces: Name and dimension of each space.
            tokens: Spaces that keep tokens.
            sparse: Name and terms of each sparse space.
            cache_bytes: See `lance_view.LanceView`.
        """
        with self._lock, explained("read the index", self._uri):
            # Looked up before the tables are opened: a view is never older than what it is kept under.
            there = tuple(spaces.items()), tuple(tokens), tuple(sparse.items())
            asked = self._newest(), *there
            if self._latest is None or self._latest[0] != asked:
                opened = partial(self._opened, spaces, tokens, sparse, cache_bytes)
                self._latest = asked, reread(opened)
            return self._latest[1]

    def let_go(self) -> None:
        """Keep nothing of the last view in memory, nor any text for others who read the place."""
        with self._lock:
            self._latest = None
        held_at(self._uri, self._options).let_go()

    def _newest(self) -> Hashable:
        """What differs when anything was written since; for a folder without asking LanceDB."""
        with suppress(FileNotFoundError):  # written and tidied meanwhile, or gone
            return tuple(map(newest, self._folders)) or self._versions()
        return self._versions()

    def _versions(self) -> tuple[int, ...]:
        return tuple(table.version for table in self._tables)

    def _opened(
        self,
        spaces: Mapping[str, int],
        tokens: Sequence[str],
        sparse: Mapping[str, int],
        cache_bytes: int,
    ) -> LanceView:
        chunks, documents = self._versions()
        snapshot = Snapshot(
            self._uri,
            opened(self._database, "chunks", chunks),
            chunks,
            self._fields,
            partial(opened, self._database, "chunks"),
            held_at(self._uri, self._options),
            rows_held(spaces, cache_bytes),
        )
        return LanceView(
            snapshot,
            partial(opened, self._database, "documents", documents),
            spaces,
            tokens,
            sparse,
            self._analyzer,
            cache_bytes,
        )


def newest(table: str) -> tuple[str, int, int]:
    """The latest version of a table in a folder: name, file number and time of its file.

    LanceDB writes such a file under a passing name and renames it, which is the commit. The number
    and the time tell the versions of a table apart from those of one that was made in its place.

    Args:
        table: Its folder.

    Raises:
        FileNotFoundError: It holds no version.
    """
    folder = os.path.join(table, "_versions")
    names = filter(_MANIFEST.fullmatch, os.listdir(folder))
    if (name := min(names, default=None)) is None:
        raise FileNotFoundError(f"Not found: a version of the table in {folder}")
    file = os.stat(os.path.join(folder, name))
    return name, file.st_ino, file.st_mtime_ns
