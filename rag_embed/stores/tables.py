"""The tables of a LanceDB index: connecting, key-value rows, full-text settings."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import lancedb
import pyarrow as pa
from lancedb.index import FTS

from rag_embed.analysis import Analyzer
from rag_embed.stores.explained import explained
from rag_embed.stores.schema import SETTINGS_SCHEMA

TABLES = ("chunks", "documents", "settings")


def connect(uri: str | os.PathLike[str], options: Mapping[str, str] | None) -> Any:  # noqa: ANN401
    """A LanceDB connection whose handles re-read the version before every operation."""
    with explained("open the folder", uri):
        return lancedb.connect(
            uri,
            read_consistency_interval=timedelta(0),
            storage_options=dict(options) if options else None,
        )


def stored_settings(database: Any) -> dict[str, Any]:  # noqa: ANN401
    """What `LanceStore.create` stored last; empty when there is no finished index."""
    if not set(TABLES) <= set(database.list_tables(limit=1000).tables):
        return {}
    stored: dict[str, Any] = read_all(database.open_table("settings")).get("store", {})
    return stored


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
    if "://" in uri:
        return None
    return sum(path.stat().st_size for path in Path(uri).rglob("*") if path.is_file())
