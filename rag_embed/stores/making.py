"""Making the tables of an index, and finding those that are there.

The settings are written last, in one commit: what was left by a process that died before is no index,
and is made anew. On an object store, which has no lock, the process that makes the first table makes the
index; others wait for it.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from lancedb.index import BTree

from rag_embed.analysis import VERSION, Analyzer
from rag_embed.errors import IndexExists, NoIndex, StoreError
from rag_embed.fields import Fields
from rag_embed.stores.declaring import add_lacking, fill
from rag_embed.stores.files import LanceFiles
from rag_embed.stores.inspection import small_ones
from rag_embed.stores.key_values import put, put_first, read_all
from rag_embed.stores.locks import let_writer_finish, turn
from rag_embed.stores.places import check_free, local
from rag_embed.stores.recovery import drop_orphans, recover
from rag_embed.stores.renewing import FORMAT, check_readable, is_current, renewed, with_groups
from rag_embed.stores.schema import (
    DOCUMENT_SCHEMA,
    SETTINGS_SCHEMA,
    chunk_schema,
    space_columns,
)
from rag_embed.stores.settling import sync_from_now_on
from rag_embed.stores.store_errors import explained
from rag_embed.stores.tables import (
    TABLES,
    check_own,
    connect,
    made,
    names_of,
    settings_of,
)

_REMEDY = "create one first, with Index.create or Index.at"
ABANDONED = timedelta(minutes=1)
"""How long nothing was done for an unfinished index on an object store before it is made anew."""

_LOOK = 0.2


@dataclass(frozen=True, slots=True)
class Shape:
    """What decides on the columns of an index.

    Attributes:
        spaces: Name and dimension of each vector space.
        fields: Metadata that filters may use.
        analyzer: Settings of lexical search.
        tokens: Spaces that keep the tokens of their chunks.
        durable: Whether a write counts as done when it is on the disk.
    """

    spaces: Mapping[str, int]
    fields: Fields
    analyzer: Analyzer
    tokens: Sequence[str]
    durable: bool = False


def make(
    uri: str,
    own: Shape,
    settings: Mapping[str, Any],
    files: Mapping[str, bytes],
    options: Mapping[str, str] | None,
) -> tuple[Any, dict[str, Any]]:
    """Make an empty index; returns its connection and the store's own settings.

    Args:
        uri: See `places.place`.
        own: What decides on the columns.
        settings: Stored beside the store's own.
        files: Stored too.
        options: Of the connection.

    Raises:
        BadInput: It is a folder that holds files which are no index's.
        IndexExists: There is an index already.
        StoreError: The place cannot be written.
    """
    database = connect(uri, options)
    with explained("create the index", uri):
        check_none(finished_settings(database, uri), uri)
    check_free(uri)
    if own.durable:
        sync_from_now_on(local(uri))
    with explained("create the index", uri), turn(uri):
        check_none(stored_settings(database), uri)
        stored = create_tables(database, uri, own)
        if files:
            LanceFiles(uri, database).write(files)
        table, values = database.open_table("settings"), {"store": stored, **settings}
        if local(uri) is not None:
            put(table, values)
        elif not put_first(table, values):
            check_none(values, uri)
    return database, stored


def find(uri: str, options: Mapping[str, str] | None) -> tuple[Any, dict[str, Any]]:
    """Find an index; returns its connection and the store's own settings.

    Raises:
        NoIndex: There is none.
        StoreError: A newer version of rag_embed wrote it, or it is damaged.
    """
    if (folder := local(uri)) is not None and not folder.is_dir():
        raise NoIndex(f"There is no index at {uri!r}", _REMEDY)
    with explained("open the index", uri):
        recovered, damages = recover(uri), small_ones(uri)
    for damage in damages:
        warnings.warn(f"The index at {uri!r} is damaged: {damage}", stacklevel=4)
    database = connect(uri, options)
    with explained("open the index", uri):
        settings = finished_settings(database, uri)
    if recovered and settings:
        warnings.warn(f"The index at {uri!r} was damaged. {' '.join(recovered)}", stacklevel=4)
        _fit_together(database, uri, settings)
    if not settings:
        raise NoIndex(
            f"{uri!r} holds no rag_embed index, or one whose creation was interrupted", _REMEDY
        )
    check_own(settings, FORMAT, uri)
    check_readable(settings)
    if not is_current(settings):
        with explained("bring the index up to date", uri), turn(uri):
            settings = renewed(database, stored_settings(database))
    return database, settings


def _fit_together(database: Any, uri: str, own: Mapping[str, Any]) -> None:  # noqa: ANN401
    """Let tables of different moments be one index.

    Raises:
        StoreError: The chunks are from before a space was added.
    """
    with explained("open the index", uri), turn(uri):
        chunks = database.open_table("chunks")
        if gone := lacking_columns(chunks, own):
            raise StoreError(
                f"The last whole version of the chunks at {uri!r} is from before {', '.join(gone)} came. "
                "`rag-embed doctor KB --repair` computes all chunks again from the stored text."
            )
        with_groups(database)
        documents, fields = database.open_table("documents"), Fields(own["fields"])
        add_lacking(chunks, fields, uuid4().hex)  # they may be from before a field was declared
        fill(chunks, documents, fields, alone=local(uri) is not None)
        drop_orphans(chunks, documents)


def lacking_columns(chunks: Any, own: Mapping[str, Any]) -> list[str]:  # noqa: ANN401
    """Columns of spaces that the table of chunks should have by the settings, and has not."""
    wanted = {
        column.name
        for column in space_columns(own["spaces"], own["tokens"], list(own.get("sparse", ())))
    }
    return sorted(wanted - set(chunks.schema.names))


def create_tables(
    database: Any,  # noqa: ANN401
    uri: str,
    own: Shape,
) -> dict[str, Any]:
    """Make the empty tables of an index, in place of what an unfinished creation left.

    Returns:
        The store's own settings; once they are written, the index exists.

    Raises:
        IndexExists: Another process was faster, where there is no lock.
        StoreError: There are documents, but no settings.
    """
    _claim(database, uri, own)
    for name, schema in (("documents", DOCUMENT_SCHEMA), ("settings", SETTINGS_SCHEMA)):
        table = database.create_table(name, schema=schema)
        table.set_unenforced_primary_key("key" if name == "settings" else "id")
    database.open_table("documents").create_index("id", config=BTree())
    return {
        "format": FORMAT,
        "words": VERSION,
        "spaces": dict(own.spaces),
        "tokens": list(own.tokens),
        "fields": dict(own.fields.types),
        "durable": own.durable,
        "analyzer": {
            "language": own.analyzer.language,
            "stem": own.analyzer.stem,
            "stop_words": own.analyzer.stop_words,
        },
    }


def make_chunks(
    database: Any,  # noqa: ANN401
    spaces: Mapping[str, int],
    fields: Fields,
    tokens: Sequence[str],
    sparse: Sequence[str] = (),
) -> None:
    """Make the empty table of chunks."""
    chunks = database.create_table("chunks", schema=chunk_schema(spaces, fields, tokens, sparse))
    chunks.set_unenforced_primary_key("id")
    for column in ("id", "doc_id"):
        chunks.create_index(column, config=BTree())


def _claim(database: Any, uri: str, own: Shape) -> None:  # noqa: ANN401
    """Make the table ``chunks``; another process that is making it may finish the index first."""
    while True:
        _drop_unfinished(database, uri)
        try:
            return make_chunks(database, own.spaces, own.fields, own.tokens)
        except ValueError:  # it is there
            if local(uri) is not None:
                raise
        check_none(stored_settings(database), uri)
        time.sleep(_LOOK)


def _drop_unfinished(database: Any, uri: str) -> None:  # noqa: ANN401
    """Drop what was left by a process that died; where there is no lock, nobody knows that it did."""
    left = sorted(set(TABLES) & names_of(database))
    documents = made(database, "documents")
    if documents is not None and documents.count_rows():
        raise StoreError(
            f"{uri!r} holds documents, but its settings are lost. Restore "
            "settings.lance from a copy, or choose another folder."
        )
    if local(uri) is None and left:
        tables = [table for name in left if (table := made(database, name)) is not None]
        newest = [table.list_versions()[-1]["timestamp"] for table in tables]
        if max(newest, default=datetime.max) > datetime.now() - ABANDONED:
            return
    for name in left:
        database.drop_table(name)


def stored_settings(database: Any) -> dict[str, Any]:  # noqa: ANN401
    """What `LanceStore.create` stored last; empty when there is no finished index."""
    settings = made(database, "settings")
    return {} if settings is None else settings_of(read_all(settings))


def finished_settings(database: Any, uri: str) -> dict[str, Any]:  # noqa: ANN401
    """`stored_settings`; waits for another process that is creating the index just now."""
    try:
        if found := stored_settings(database):
            return found
    except (OSError, RuntimeError, ValueError):
        pass  # a table that is being made, or a damaged one: the second look tells
    let_writer_finish(uri)
    return stored_settings(database)


def check_none(settings: Mapping[str, Any], uri: str) -> None:
    """Refuse to make an index where there is one.

    Raises:
        IndexExists: There are settings of one.
    """
    if settings:
        raise IndexExists(f"There is an index at {uri!r} already; open it instead.")
