"""What of a damaged index in a folder can be had again without a model: versions, tables, search indexes.

The rest is `indexing.repairing`. Nothing that is whole is touched, and nothing that is not derived is deleted.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lancedb.index import BTree

from rag_embed.errors import StoreError
from rag_embed.fields import Fields
from rag_embed.stores.inspection import Damage
from rag_embed.stores.locks import turn
from rag_embed.stores.making import lacking_columns, make_chunks, stored_settings
from rag_embed.stores.recovery import drop_orphans, recover
from rag_embed.stores.store_errors import explained
from rag_embed.stores.tables import connect, made
from rag_embed.text import amount


def go_back(uri: str) -> list[str]:
    """Use the last whole version of each table; returns what was done."""
    names = sorted(path.stem for path in Path(uri).glob("*.lance"))
    return recover(uri, most=None, names=names)


def remake(uri: str, damages: Sequence[Damage]) -> list[str]:
    """Make damaged search indexes again, and the table of chunks without its rows; returns what was done.

    Args:
        uri: Folder of the index.
        damages: What was found there.

    Raises:
        StoreError: The settings cannot be read, which say what the chunks are like.
    """
    database = connect(uri, None)
    said = []
    with explained("repair the index", uri), turn(uri):
        own = stored_settings(database)
        if not own:
            raise StoreError(
                f"The settings of the index at {uri!r} are lost: restore it from a copy."
            )
        lost = [one for one in damages if one.part in ("rows", "version")]
        chunks = None if any(one.table == "chunks" for one in lost) else made(database, "chunks")
        if chunks is None or lacking_columns(chunks, own):
            shutil.rmtree(Path(uri, "chunks.lance"), ignore_errors=True)
            shape = own["spaces"], Fields(own["fields"]), own["tokens"], list(own.get("sparse", ()))
            make_chunks(database, *shape)
            said.append("The table of chunks was made anew.")
        gone = {one.table for one in lost}
        for name in sorted({one.table for one in damages if one.part == "search index"} - gone):
            said += _reindexed(database, name)
        documents = made(database, "documents")
        if "documents" not in gone and documents is not None:
            count = drop_orphans(database.open_table("chunks"), documents)
            said += (
                [f"Deleted {amount(count, 'chunk')} of documents that are none."] if count else []
            )
    return said


def _reindexed(database: Any, name: str) -> list[str]:  # noqa: ANN401
    """Build a table's search indexes again; others than those of values upkeep builds where they are due."""
    table = database.open_table(name)
    for index in table.list_indices():
        if index.index_type == "BTree":
            table.create_index(index.columns[0], config=BTree(), replace=True)
        else:
            table.drop_index(index.name)
    return [f"The search indexes of {name} were built again."]
