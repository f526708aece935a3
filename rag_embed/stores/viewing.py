"""Opening views: the latest version of an index, once for all who read it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from threading import Lock
from typing import Any
from weakref import ref

import pyarrow as pa

from rag_embed.analysis import Analyzer
from rag_embed.errors import StoreError
from rag_embed.fields import Fields
from rag_embed.stores.held import held_at, rows_held
from rag_embed.stores.lance_view import LanceView
from rag_embed.stores.manifests import manifest, read_manifest
from rag_embed.stores.newest import Newest, newest
from rag_embed.stores.places import local
from rag_embed.stores.rereading import reread
from rag_embed.stores.roster import FEW
from rag_embed.stores.snapshot import Snapshot
from rag_embed.stores.store_errors import explained
from rag_embed.stores.tables import latest, marks_of, opened


class LanceViewing:
    """Opens views of an index.

    Args:
        uri: Of the index.
        database: Its connection.
        analyzer: Settings of lexical search.
        options: Of the connection.
    """

    def __init__(
        self,
        uri: str,
        database: Any,  # noqa: ANN401
        analyzer: Analyzer,
        options: Mapping[str, str] | None,
    ) -> None:
        self._uri = uri
        self._database = database
        self._analyzer = analyzer
        self._options = options
        self._tables = [latest(database, name) for name in ("chunks", "documents")]
        self._folders = [] if local(uri) is None else [str(table.uri) for table in self._tables]
        self._latest: tuple[Hashable, LanceView] | None = None
        self._lock = Lock()

    def latest(
        self,
        fields: Fields,
        spaces: Mapping[str, int],
        tokens: Sequence[str],
        sparse: Mapping[str, int],
        cache_bytes: int,
    ) -> LanceView:
        """A view of the latest version.

        Args:
            fields: The declared fields.
            spaces: Name and dimension of each space.
            tokens: Spaces that keep tokens.
            sparse: Name and terms of each sparse space.
            cache_bytes: See `lance_view.LanceView`.
        """
        # A fork is refused before it waits for a lock that a thread held which it does not have.
        with explained("read the index", self._uri), self._lock:
            # Looked up before the tables are opened: a view is never older than what it is kept under.
            declared = tuple(fields.types.items())
            there = declared, tuple(spaces.items()), tuple(tokens), tuple(sparse.items())

            def look() -> LanceView:
                asked = (newest := self._newest()), *there
                if self._latest is None or self._latest[0] != asked:
                    before = ref(self._latest[1]) if self._latest else None
                    opened = self._opened(newest, fields, spaces, tokens, sparse, cache_bytes)
                    self._latest = asked, opened
                    if before is not None and (read := before()) is not None:
                        with suppress(StoreError):  # it may be gone
                            _ = read.table  # while it is there, since somebody reads it still
                return self._latest[1]

            return reread(look)

    def wrote(self, rows: pa.Table) -> None:
        """Let those who read here have rows that were just added, in one commit; the lock is still held."""
        held = held_at(self._uri, self._options)
        if not self._folders or not held.begun or not 0 < len(rows) <= FEW:
            return
        last = read_manifest(Path(newest(self._folders[0]).path)).fragments[-1]
        if last.rows == len(rows):
            held.written.put(last.files[0].path, rows)

    def let_go(self) -> None:
        """Keep nothing of the last view in memory, nor any text for others who read the place."""
        with self._lock:
            self._latest = None
        held_at(self._uri, self._options).let_go()

    def _newest(self) -> tuple[Newest, ...] | tuple[int, ...]:
        """What differs when anything was written since; for a folder without asking LanceDB."""
        with suppress(FileNotFoundError):  # written and tidied meanwhile, or gone
            return tuple(map(newest, self._folders)) or self._versions()
        return self._versions()

    def _versions(self) -> tuple[int, ...]:
        return tuple(table.version for table in self._tables)

    def _opened(
        self,
        newest: tuple[Newest, ...] | tuple[int, ...],
        fields: Fields,
        spaces: Mapping[str, int],
        tokens: Sequence[str],
        sparse: Mapping[str, int],
        cache_bytes: int,
    ) -> LanceView:
        chunks, documents = (one if isinstance(one, int) else one.version for one in newest)
        there = newest[0]
        snapshot = Snapshot(
            self._uri,
            cache(partial(opened, self._database, "chunks", chunks)),
            chunks,
            fields,
            self._marks,
            held_at(self._uri, self._options),
            rows_held(spaces, cache_bytes),
            None if isinstance(there, int) else read_manifest(Path(there.path)),
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

    def _marks(self, version: int) -> frozenset[str]:
        if not self._folders:
            return marks_of(opened(self._database, "chunks", version))
        return read_manifest(manifest(Path(self._folders[0]), version)).marks
