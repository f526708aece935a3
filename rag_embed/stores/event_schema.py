"""Columns of a bucket of users' events, and the way from events to them and back.

A bucket holds one row per event, and one per user with the decayed sum and an empty ``id``: both in one
table, so that one commit writes an event and the sum that counts it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa
from lancedb.expr import Expr, col, lit

from rag_embed.events import History, UserEvent
from rag_embed.maths.profile import DecayedSum
from rag_embed.types import Signature, Vectors

KEYS = "key_vector"
"""The column that is searched."""

_VECTORS = (KEYS, "value_vector")
_PLAIN = ["id", "user_id", "text", "time", "outcome", "kind", "weight"]

EVENT_COLUMNS = [*_PLAIN, "metadata_json", *_VECTORS]
"""What a `History` is read from."""


def event_schema(signature: Signature, half_life: float | None) -> pa.Schema:
    """Schema of a bucket; its metadata says which encoder and which half-life it was made with."""
    vector = pa.list_(pa.float32(), signature.dim)
    described = {"signature": asdict(signature), "half_life": half_life}
    return pa.schema(
        [
            pa.field("key", pa.string(), nullable=False),
            pa.field("user_id", pa.string(), nullable=False),
            pa.field("id", pa.string(), nullable=False),
            pa.field("text", pa.string()),
            pa.field("time", pa.float64()),
            pa.field("outcome", pa.string()),
            pa.field("kind", pa.string()),
            pa.field("weight", pa.float64()),
            pa.field("metadata_json", pa.string()),
            *(pa.field(name, vector) for name in _VECTORS),
            pa.field("total", pa.binary()),
        ],
        metadata={"rag_embed": json.dumps(described)},
    )


def row_key(user: str, id: str | None = None) -> str:
    """Primary key of an event, or of a user's sum; no two (user, id) share one.

    Examples:
        >>> row_key("ann", "1") != row_key('ann", "1')
        True
    """
    return json.dumps([user] if id is None else [user, id])


def event_table(
    schema: pa.Schema,
    events: Sequence[UserEvent],
    keys: Vectors,
    values: Vectors,
    totals: Mapping[str, DecayedSum],
) -> pa.Table:
    """Rows of events, then of sums."""
    columns: dict[str, list[Any]] = {
        name: [getattr(e, _AS.get(name, name)) for e in events] for name in _PLAIN
    }
    columns["key"] = [row_key(e.user, e.id) for e in events]
    columns["metadata_json"] = [json.dumps(dict(e.metadata)) for e in events]
    some = pa.table(
        {
            **{name: pa.array(column, schema.field(name).type) for name, column in columns.items()},
            **{name: _rows(rows) for name, rows in zip(_VECTORS, (keys, values), strict=True)},
            "total": pa.nulls(len(events), pa.binary()),
        }
    ).select(schema.names)
    nothing = np.zeros(keys.shape[1], np.float32)  # LanceDB takes a null for a broken vector
    sums = [
        {"key": row_key(user), "user_id": user, "id": "", "total": total.to_bytes()}
        | dict.fromkeys(_VECTORS, nothing)
        for user, total in totals.items()
    ]
    return pa.concat_tables([some.cast(schema), pa.Table.from_pylist(sums, schema=schema)])


def history_of(table: pa.Table, dim: int) -> History:
    """The history in rows with `EVENT_COLUMNS`."""
    plain = [table[name].to_pylist() for name in _PLAIN]
    metadata = map(json.loads, table["metadata_json"].to_pylist())
    names = [_AS.get(name, name) for name in _PLAIN]
    events = [
        UserEvent(**dict(zip(names, values, strict=True)), metadata=known)
        for *values, known in zip(*plain, metadata, strict=True)
    ]
    keys, values = (matrix(table[name], dim) for name in _VECTORS)
    return History.of(events, keys, values)


def totals_of(table: pa.Table) -> dict[str, DecayedSum]:
    """The sums in rows with ``user_id`` and ``total``."""
    pairs = zip(table["user_id"].to_pylist(), table["total"].to_pylist(), strict=True)
    return {user: DecayedSum.from_bytes(stored) for user, stored in pairs}


def of_user(user: str) -> Expr:
    """The rows of one user and of nobody else."""
    return col("user_id") == lit(user)


def counted(ignored: Collection[str]) -> Expr:
    """The rows of events of any other kind; a sum has none."""
    return ~col("kind").isin(sorted(ignored))


def mark_of(bucket: str) -> str:
    """The table whose being there says that a bucket is being erased."""
    return bucket.replace("events_", "erasing_")


def bucket_of(mark: str) -> str:
    """The bucket that a mark is about."""
    return mark.replace("erasing_", "events_")


_AS = {"user_id": "user"}


def _rows(rows: Vectors) -> pa.FixedSizeListArray:
    flat = pa.array(np.ascontiguousarray(rows, dtype=np.float32).ravel())
    return pa.FixedSizeListArray.from_arrays(flat, rows.shape[1])


def matrix(column: pa.ChunkedArray, dim: int) -> Vectors:
    """``(n, dim)`` float32 C-contiguous: a column of vectors."""
    parts = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in column.chunks]
    flat = np.concatenate([np.empty(0, np.float32), *parts])
    return np.ascontiguousarray(flat.reshape(-1, dim), dtype=np.float32)
