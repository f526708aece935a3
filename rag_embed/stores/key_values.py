"""JSON values by key in a table, read and revised in one commit.

In a folder every value is a row, and a lock guards writers. An object store has no such lock, so there one
row holds all values: whoever revises them compares it with what was read, and puts the new one in its place
in the same commit.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa
from lancedb.util import value_to_sql

from rag_embed.errors import StoreError
from rag_embed.stores.schema import SETTINGS_SCHEMA
from rag_embed.stores.tables import at_once, upsert

_ALL = "all"
"""Key of the row that holds all values."""

_TRIES = 100


def read_all(table: Any) -> dict[str, Any]:  # noqa: ANN401
    """All values."""
    return _values(_texts(table))


def put(table: Any, values: Mapping[str, Any]) -> None:  # noqa: ANN401
    """Insert or replace values; the caller holds the lock."""
    upsert(table, "key", _rows(values))


def put_first(table: Any, values: Mapping[str, Any]) -> bool:  # noqa: ANN401
    """Put values where there is no lock and none were put before; returns whether that was so."""
    merge = table.merge_insert("key").when_not_matched_insert_all()
    found = merge.use_index(False).execute(_rows({_ALL: values}))
    return bool(found.num_inserted_rows)


def revise(
    table: Any,  # noqa: ANN401
    change: Callable[[dict[str, Any]], Mapping[str, Any]],
    alone: bool,
) -> None:
    """Put what a function makes of all values, in one commit.

    Args:
        table: The table.
        change: Gives what is put; without a lock it is asked again when another process was faster.
        alone: Whether the caller holds the lock of writers.

    Raises:
        StoreError: Other processes were faster again and again.
    """
    if alone:
        if values := change(read_all(table)):
            put(table, values)
        return
    for _ in range(_TRIES):
        texts = _texts(table)
        if (before := texts.get(_ALL)) is None:
            put_first(table, {})
        elif not (values := change(_values(texts))) or _swapped(table, before, values):
            return
    raise StoreError(f"Other processes changed the settings {_TRIES} times meanwhile. Try again.")


def _swapped(table: Any, before: str, values: Mapping[str, Any]) -> bool:  # noqa: ANN401
    """Put values in the row of all if it is what it was; LanceDB looks again when it loses the commit."""
    same = f"key = {value_to_sql(_ALL)} AND value_json = {value_to_sql(before)}"
    now = json.dumps({**json.loads(before), **values})
    return bool(table.update(where=same, values={"value_json": now}).rows_updated)


def _texts(table: Any) -> dict[str, str]:  # noqa: ANN401
    return {row["key"]: row["value_json"] for row in at_once(table).search().to_list()}


def _values(texts: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {key: json.loads(text) for key, text in texts.items()}
    own = values.pop(_ALL, {})
    return {**values, **own}


def _rows(values: Mapping[str, Any]) -> pa.Table:
    rows = [{"key": key, "value_json": json.dumps(value)} for key, value in values.items()]
    return pa.Table.from_pylist(rows, schema=SETTINGS_SCHEMA)
