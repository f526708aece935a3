"""Removing an index that was made for documents which then could not be added."""

from __future__ import annotations

from rag_embed.stores.files import FILES
from rag_embed.stores.locks import remove_traces, turn
from rag_embed.stores.places import place
from rag_embed.stores.store_errors import explained
from rag_embed.stores.tables import TABLES, connect, made


def discarded(uri: str) -> bool:
    """Remove the tables of an index if it holds no documents; returns whether it held none.

    Raises:
        StoreError: It cannot be written.
    """
    uri = place(uri)
    database = connect(uri, None)
    with explained("remove the index", uri), turn(uri):
        documents = made(database, "documents")
        if documents is not None and documents.count_rows():
            return False
        for name in (*reversed(TABLES), FILES):  # without settings it is no index
            database.drop_table(name, ignore_missing=True)
    remove_traces(uri)
    return True
