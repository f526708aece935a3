"""Opening views: the latest version of an index, once for all who read it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from functools import partial
from threading import Lock
from typing import Any

from rag_embed.analysis import Analyzer
from rag_embed.fields import Fields
from rag_embed.stores.held import held_at
from rag_embed.stores.lance_view import LanceView
from rag_embed.stores.rereading import reread
from rag_embed.stores.snapshot import Snapshot
from rag_embed.stores.store_errors import explained
from rag_embed.stores.tables import opened


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
        self._tables = [database.open_table(name) for name in ("chunks", "documents")]
        self._latest: tuple[Hashable, LanceView] | None = None
        self._lock = Lock()

    def latest(
        self, spaces: Mapping[str, int], tokens: Sequence[str], cache_bytes: int
    ) -> LanceView:
        """A view of the latest version.

        Args:
            spaces: Name and dimension of each space.
            tokens: Spaces that keep tokens.
            cache_bytes: See `lance_view.LanceView`.
        """
        with self._lock, explained("read the index", self._uri):
            asked = (tuple(spaces.items()), tuple(tokens))
            if self._latest is None or self._latest[0] != (self._versions(), asked):
                versions, view = reread(partial(self._opened, spaces, tokens, cache_bytes))
                self._latest = (versions, asked), view
            return self._latest[1]

    def _versions(self) -> tuple[int, ...]:
        return tuple(table.version for table in self._tables)

    def _opened(
        self, spaces: Mapping[str, int], tokens: Sequence[str], cache_bytes: int
    ) -> tuple[tuple[int, ...], LanceView]:
        chunks, documents = versions = self._versions()
        snapshot = Snapshot(
            self._uri,
            opened(self._database, "chunks", chunks),
            chunks,
            self._fields,
            partial(opened, self._database, "chunks"),
            held_at(self._uri, self._options),
            cache_bytes // (4 * min(spaces.values(), default=1)),
        )
        view = LanceView(
            snapshot,
            partial(opened, self._database, "documents", documents),
            spaces,
            tokens,
            self._analyzer,
            cache_bytes,
        )
        return versions, view
