"""When and how a bucket of events is tidied, so that finding a user's rows stays cheap as it grows."""

from __future__ import annotations

from typing import Any

from lancedb.index import BTree

from rag_embed.stores.erasing import purge
from rag_embed.stores.tables import optimized

FRAGMENTS = 64
"""More files than these are made one: every read looks into each."""

LOOSE = 4096
"""More rows than these are not left without an index: every read looks at each."""

_SHARE = 16
_INDEXED = ("key", "user_id", "time", "weight")


def due(table: Any) -> bool:  # noqa: ANN401
    """Whether there are too many files, or too many rows that no index knows.

    How many rows may be loose grows with the table, so that a row is rewritten a few times, not once
    for every so many that come after it.
    """
    stats, index = table.stats(), table.index_stats(f"{_INDEXED[0]}_idx")
    loose = stats["num_rows"] if index is None else index.num_unindexed_rows
    few = max(LOOSE, stats["num_rows"] // _SHARE)
    return bool(stats["fragment_stats"]["num_fragments"] > FRAGMENTS or loose > few)


def tidy(table: Any, local: bool) -> None:  # noqa: ANN401
    """Few files, and all rows in the search indexes, which are built when there is first reason to.

    Args:
        table: A bucket.
        local: Whether nobody else can be writing: then no old version stays, which would hold all
            rows once more.
    """
    if local:
        purge(table, local)
    else:
        optimized(table)
    known = {index.columns[0] for index in table.list_indices()}
    for column in _INDEXED:
        if column not in known:
            table.create_index(column, config=BTree())
