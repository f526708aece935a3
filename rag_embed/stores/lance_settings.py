"""Settings of a LanceDB index: JSON values by key, in a table of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from rag_embed.stores.key_values import read_all, revise
from rag_embed.stores.locks import turn
from rag_embed.stores.newest import Newest, stamp
from rag_embed.stores.places import local
from rag_embed.stores.rereading import reread
from rag_embed.stores.store_errors import explained
from rag_embed.stores.tables import at_once, settings_of


class LanceSettings:
    """The settings of a `LanceStore`.

    Args:
        uri: Of the index.
        table: Where they are.
    """

    def __init__(self, uri: str, table: Any) -> None:  # noqa: ANN401
        self._uri = uri
        self._table = table
        self._alone = local(uri) is not None
        self._read: tuple[Newest | int, dict[str, Any]] | None = None

    def all(self) -> dict[str, Any]:
        """See `protocols.Store.settings`; read again when they changed."""
        with explained("read the index", self._uri):
            table = at_once(self._table)
            now = reread(lambda: stamp(table, self._alone))
            if self._read is None or self._read[0] != now:
                self._read = now, reread(lambda: read_all(table))
            return deepcopy(self._read[1])

    def revise(self, change: Callable[[dict[str, Any]], Mapping[str, Any]]) -> None:
        """See `protocols.Store`."""
        with explained("write settings", self._uri), turn(self._uri):
            revise(self._table, change, self._alone)

    def own(self) -> dict[str, Any]:
        """The store's own settings as they are now; other processes may have changed them."""
        return settings_of(read_all(self._table))

    def change(self, change: Callable[[dict[str, Any]], Mapping[str, Any]]) -> None:
        """`revise`, for whoever holds the lock."""
        revise(self._table, change, self._alone)

    def put(self, values: Mapping[str, Any]) -> None:
        """Store some, for whoever holds the lock."""
        self.change(lambda _: values)
