"""Upkeep of an index: all its tables, and search indexes for what does not fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lancedb.index import IvfRq

from rag_embed.stores.full_text import SPACES
from rag_embed.stores.locks import turn
from rag_embed.stores.schema import WORDS
from rag_embed.stores.store_errors import explained
from rag_embed.stores.tables import at_once
from rag_embed.stores.upkeep import Upkeep, optimized


class LanceTending:
    """Keeps the tables of an index in order.

    Args:
        uri: Of the index.
        local: Whether a lock guards writers.
        tables: Gives the tables by name, ``chunks`` among them.
        large: Columns of ``chunks`` that want a search index, for a number of chunks.
        wordy: Whether the words want one, however few the chunks are; asked when something is due.
    """

    def __init__(
        self,
        uri: str,
        local: bool,
        tables: Callable[[], Mapping[str, Any]],
        large: Callable[[int], list[str]],
        wordy: Callable[[], bool],
    ) -> None:
        self._uri = uri
        self._local = local
        self._tables = tables
        self._chunks = (there := tables())["chunks"]
        self._large = large
        self._wordy = wordy
        self._upkeep = Upkeep(local)
        for name, table in there.items():
            self._upkeep.watch(name, table)

    def tidy(self) -> None:
        """See `protocols.Store`; `upkeep` says when something is due."""
        with explained("tidy the index", self._uri):
            tables = self._tables()
            due = {self._upkeep.due(name, table) for name, table in tables.items()}
            if due == {"nothing"} and not self._lacking():
                return
            with turn(self._uri):
                self._build()
                for name, table in tables.items():
                    self._upkeep.keep(name, table)

    def optimize(self) -> None:
        """See `protocols.Store`."""
        with explained("optimize the index", self._uri), turn(self._uri):
            self._build()
            for name, table in self._tables().items():
                optimized(table, self._local)
                self._upkeep.watch(name, table)

    def _lacking(self) -> list[str]:
        """Columns that lack the search index that they want."""
        chunks = at_once(self._chunks)
        large = self._large(chunks.count_rows())
        return _unindexed(chunks, large) if large else []

    def _build(self) -> None:
        chunks = self._chunks
        lacking = self._lacking()
        if WORDS[0] not in lacking and self._wordy():
            lacking += _unindexed(chunks, WORDS[:1])
        for name in lacking:
            if name in WORDS:
                chunks.create_index(name, config=SPACES)
            else:
                size = int(
                    chunks.count_rows() ** 0.5
                )  # by number, LanceDB's upkeep would join them
                config = IvfRq(distance_type="dot", target_partition_size=size, num_bits=1)
                chunks.create_index(name, config=config)


def _unindexed(table: Any, columns: Sequence[str]) -> list[str]:  # noqa: ANN401
    """Those columns that have no search index."""
    known = {index.columns[0] for index in table.list_indices()}
    return [name for name in columns if name not in known]
