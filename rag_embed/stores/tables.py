"""The tables of a LanceDB index: connecting, key-value rows, full-text settings."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import lancedb
import pyarrow as pa
from lancedb.index import FTS, BTree

from rag_embed.analysis import Analyzer
from rag_embed.errors import IndexExists, StoreError
from rag_embed.fields import Fields
from rag_embed.stores.forked import used
from rag_embed.stores.locks import let_writer_finish
from rag_embed.stores.places import local
from rag_embed.stores.schema import DOCUMENT_SCHEMA, SETTINGS_SCHEMA, chunk_schema
from rag_embed.stores.store_errors import explained

TABLES = ("chunks", "documents", "settings")

PATIENCE = timedelta(days=7)
"""How long old versions stay, and files that no version names, where writers have no lock."""

_TRIES = 5
"""Of bringing a table up to date while other processes do the same."""


def connect(uri: str | os.PathLike[str], options: Mapping[str, str] | None) -> Any:  # noqa: ANN401
    """A LanceDB connection whose handles re-read the version before every operation."""
    with explained("open the folder", uri):
        used()
        return lancedb.connect(
            uri,
            read_consistency_interval=timedelta(0),
            storage_options=dict(options) if options else None,
        )


def opened(database: Any, name: str, version: int) -> Any:  # noqa: ANN401
    """A handle of a table at one version, which never moves."""
    table = database.open_table(name)
    table.checkout(version)
    return table


def create_tables(
    database: Any,  # noqa: ANN401
    uri: str | os.PathLike[str],
    spaces: Mapping[str, int],
    fields: Fields,
    analyzer: Analyzer,
    tokens: Sequence[str],
    version: int,
) -> dict[str, Any]:
    """Make the empty tables of an index, in place of what an unfinished creation left.

    Returns:
        The store's own settings; once they are written, the index exists.

    Raises:
        StoreError: There are documents, but no settings.
    """
    left = set(TABLES) & names_of(database)
    if "documents" in left and database.open_table("documents").count_rows():
        raise StoreError(
            f"{os.fspath(uri)!r} holds documents, but its settings are lost. Restore "
            "settings.lance from a copy, or choose another folder."
        )
    for name in left:
        database.drop_table(name)
    schemas = {
        "chunks": chunk_schema(spaces, fields, tokens),
        "documents": DOCUMENT_SCHEMA,
        "settings": SETTINGS_SCHEMA,
    }
    for name, schema in schemas.items():
        table = database.create_table(name, schema=schema)
        table.set_unenforced_primary_key("key" if name == "settings" else "id")
    chunks = database.open_table("chunks")
    chunks.create_index("lexical_text", config=full_text(analyzer))
    for column in ("id", "doc_id"):
        chunks.create_index(column, config=BTree())
    database.open_table("documents").create_index("id", config=BTree())
    return {
        "format": version,
        "spaces": dict(spaces),
        "tokens": list(tokens),
        "fields": dict(fields.types),
        "analyzer": {
            "language": analyzer.language,
            "stem": analyzer.stem,
            "stop_words": analyzer.stop_words,
        },
    }


def stored_settings(database: Any) -> dict[str, Any]:  # noqa: ANN401
    """What `LanceStore.create` stored last; empty when there is no finished index."""
    if not set(TABLES) <= names_of(database):
        return {}
    return settings_of(read_all(database.open_table("settings")))


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


def names_of(database: Any) -> set[str]:  # noqa: ANN401
    """The tables there are."""
    return set(database.list_tables(limit=1000).tables)


def settings_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """The store's own settings among all; empty when there are none."""
    own = values.get("store", {})
    return {"tokens": [], **own} if own else {}


def read_all(table: Any) -> dict[str, Any]:  # noqa: ANN401
    """All rows of a key-value table."""
    return {row["key"]: json.loads(row["value_json"]) for row in table.search().to_list()}


def put(table: Any, values: Mapping[str, Any]) -> None:  # noqa: ANN401
    """Insert or replace rows of a key-value table."""
    rows = [{"key": key, "value_json": json.dumps(value)} for key, value in values.items()]
    upsert(table, "key", pa.Table.from_pylist(rows, schema=SETTINGS_SCHEMA))


def upsert(table: Any, key: str, rows: pa.Table) -> None:  # noqa: ANN401
    """Insert rows, or replace those with the same key."""
    merge = table.merge_insert(key).when_matched_update_all().when_not_matched_insert_all()
    merge.execute(rows)


def optimized(table: Any) -> None:  # noqa: ANN401
    """Small files merged, search indexes brought up to date, versions older than `PATIENCE` dropped.

    Who loses the commit to another process that does the same begins again: the other may have looked
    before the last rows came. Rows that are in no search index after all tries are scanned by every
    search until the next call, so that none is missed.
    """
    for _ in range(_TRIES):
        try:
            table.optimize(cleanup_older_than=PATIENCE)
            return
        except RuntimeError as error:
            if "commit conflict" not in str(error):
                raise


def full_text(analyzer: Analyzer) -> FTS:
    """The full-text index that analyses as `Analyzer` says."""
    return FTS(
        language=analyzer.language.capitalize(),
        stem=analyzer.stem,
        remove_stop_words=bool(analyzer.blocked),
        custom_stop_words=list(analyzer.blocked) or None,
        ascii_folding=True,
        lower_case=True,
        max_token_length=40,
    )


def read_analyzer(settings: Mapping[str, Any]) -> Analyzer:
    """The analyser from its stored settings."""
    stop_words = settings["stop_words"]
    words = None if stop_words is None else tuple(stop_words)
    return Analyzer(settings["language"], settings["stem"], words)


def size_on_disk(uri: str) -> int | None:
    """Bytes on disk, None for an object store."""
    if (folder := local(uri)) is None:
        return None
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
