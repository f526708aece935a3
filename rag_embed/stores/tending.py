"""Upkeep of an index: all its tables, and vector indexes for what does not fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lancedb.index import IvfRq

from rag_embed.stores.locks import turn
from rag_embed.stores.store_errors import explained
from rag_embed.stores.upkeep import Upkeep, optimized


class LanceTending:
    """Keeps the tables of an index in order.

    Args:
        uri: Of the index.
        local: Whether a lock guards writers.
        tables: Gives the tables by name, ``chunks`` among them.
        large: Names of the spaces that want a vector index, for a number of chunks.
    """

    def __init__(
        self,
        uri: str,
        local: bool,
        tables: Callable[[], Mapping[str, Any]],
        large: Callable[[int], list[str]],
    ) -> None:
        self._uri = uri
        self._local = local
        self._tables = tables
        self._large = large
        self._upkeep = Upkeep(local)
        for name, table in tables().items():
            self._upkeep.watch(name, table)

    def tidy(self) -> None:
        """See `protocols.Store`; `upkeep` says when something is due."""
        with explained("tidy the index", self._uri):
            due = {self._upkeep.due(name, table) for name, table in self._tables().items()}
            if due == {"nothing"} and not self._lacking():
                return
            with turn(self._uri):
                self._build()
                for name, table in self._tables().items():
                    self._upkeep.keep(name, table)

    def optimize(self) -> None:
        """See `protocols.Store`."""
        with explained("optimize the index", self._uri), turn(self._uri):
            self._build()
            for name, table in self._tables().items():
                optimized(table, self._local)
                self._upkeep.watch(name, table)

    def _lacking(self) -> list[str]:
        """Spaces that lack the vector index that they want."""
        chunks = self._tables()["chunks"]
        large = self._large(chunks.count_rows())
        named = {index.name for index in chunks.list_indices()} if large else set()
        return [name for name in large if f"v_{name}_idx" not in named]

    def _build(self) -> None:
        chunks = self._tables()["chunks"]
        for name in self._lacking():
            partitions = int(chunks.count_rows() ** 0.5)
            config = IvfRq(distance_type="dot", num_partitions=partitions, num_bits=1)
            chunks.create_index(f"v_{name}", config=config)
