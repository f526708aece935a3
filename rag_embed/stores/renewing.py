"""Indexes of earlier versions are brought up to date when they are opened; those of later ones are refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from rag_embed.analysis import VERSION
from rag_embed.errors import StoreError
from rag_embed.fields import READERS
from rag_embed.stores.analysing import analyse
from rag_embed.stores.key_values import revise
from rag_embed.stores.places import local
from rag_embed.stores.schema import WORDS
from rag_embed.stores.tables import latest, read_analyzer

FORMAT = 3
"""Number of the layout of an index. 1 had no words, but a full-text index that cut texts itself; 2 had no
groups of readers."""


def check_readable(own: Mapping[str, Any]) -> None:
    """Check that no later version wrote an index.

    Args:
        own: The store's own settings.

    Raises:
        StoreError: One did.
    """
    layout, words = own["format"], own.get("words", 0)
    if layout > FORMAT or words > VERSION:
        raise StoreError(
            f"The index has format {layout}.{words}, this version reads up to {FORMAT}.{VERSION}. "
            "Upgrade rag_embed, or build the index again."
        )


def is_current(own: Mapping[str, Any]) -> bool:
    """Whether an index is as this version makes it, by the store's own settings."""
    return (own["format"], own.get("words", 0)) == (FORMAT, VERSION)


def renewed(database: Any, own: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ANN401
    """Bring an index up to date that has no groups, or whose words are lacking, or were cut by other rules.

    A process that is killed in between leaves an index that the next one brings up to date.

    Args:
        database: The connection of who holds the lock.
        own: The store's own settings.

    Returns:
        The store's own settings from now on.
    """
    if is_current(own):
        return dict(own)  # another process was faster
    with_groups(database)
    if own["format"] == 1 or own.get("words", 0) != VERSION:
        _with_words(database.open_table("chunks"), own)
    now = {**own, "format": FORMAT, "words": VERSION}
    revise(latest(database, "settings"), lambda _: {"store": now}, local(database.uri) is not None)
    return now


def with_groups(database: Any) -> None:  # noqa: ANN401
    """Give the tables the column that says which groups may read a row, where they have none: no group may."""
    for name in ("chunks", "documents"):
        table = database.open_table(name)
        if READERS not in table.schema.names:
            table.add_columns({READERS: "''"})


def _with_words(chunks: Any, own: Mapping[str, Any]) -> None:  # noqa: ANN401
    for index in chunks.list_indices():
        if index.index_type == "FTS":
            chunks.drop_index(index.name)  # upkeep builds another where it is due
    missing = [name for name in WORDS if name not in chunks.schema.names]
    if missing:
        chunks.add_columns(pa.schema([pa.field(name, pa.string()) for name in missing]))
    analyse(chunks, read_analyzer(own["analyzer"]))
