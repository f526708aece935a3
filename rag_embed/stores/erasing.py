"""Forgetting for good: no byte of what was deleted stays in any file of an index.

LanceDB deletes by a note beside the file that still holds the rows, and keeps old versions. So the rows
that share a file with what goes are written anew, search indexes are built anew, and everything but the
newest version is dropped. A mark (an empty table, which names nobody) says that this is going on;
whoever opens the index next finishes what a crash interrupted.

Dropping files would break a write that is on its way: local writers take turns by a file lock. Object
stores have no such lock; there, files of a write that failed stay until they are a week old.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from filelock import FileLock
from lancedb.expr import Expr, col
from lancedb.index import BTree

MARK = "forgetting"
_MARK = pa.schema([pa.field("none", pa.bool_())])
_SAME = {"chunks": "ordinal", "documents": "hash"}
"""A column of each table that is set to itself, which writes the row anew."""

_BATCH = 5000
_FRAGMENT = 32
"""LanceDB's row number is the file's number, shifted by so many bits, and the row in the file."""


def writing(uri: str) -> AbstractContextManager[object]:
    """Held while an index is written."""
    if "://" in uri or not Path(uri).is_dir():
        return nullcontext()
    return FileLock(Path(uri, "writing.lock"))


def begin(database: Any) -> None:  # noqa: ANN401
    """Leave the mark."""
    database.create_table(MARK, schema=_MARK, exist_ok=True)


def end(database: Any) -> None:  # noqa: ANN401
    """Take the mark away."""
    database.drop_table(MARK, ignore_missing=True)


def delete(table: Any, where: Expr) -> set[int]:  # noqa: ANN401
    """Delete rows; returns the files that they were in."""
    rows = table.search().where(where).select([]).with_row_id(True).to_arrow()["_rowid"]
    table.delete(where)
    return {row >> _FRAGMENT for row in rows.to_pylist()}


def erase(name: str, table: Any, files: set[int] | None, local: bool) -> None:  # noqa: ANN401
    """Leave nothing in the table's files but the rows it has.

    Args:
        name: ``chunks`` or ``documents``.
        table: The table.
        files: Those that held what was deleted; all when None.
        local: Whether nobody else can be writing.
    """
    same = {_SAME[name]: _SAME[name]}
    if files is None:
        table.update(values_sql=same)
    else:
        for some in _mixed(table, files):
            table.update(where=col("id").isin(some).to_sql(), values_sql=same)
    for index in table.list_indices():
        if index.index_type == "BTree":
            table.create_index(index.columns[0], config=BTree(), replace=True)
        elif index.columns[0].startswith("v_"):
            table.drop_index(index.name)  # `optimize` builds it again where it is due
    purge(table, local)


def purge(table: Any, local: bool) -> None:  # noqa: ANN401
    """Drop all versions but the newest."""
    with warnings.catch_warnings():
        # It warns of other writers, who wait for the lock, and of readers, who search again.
        warnings.filterwarnings("ignore", message="optimize.cleanup_older_than=0")
        table.optimize(cleanup_older_than=timedelta(0), delete_unverified=local)


def _mixed(table: Any, files: set[int]) -> list[Sequence[str]]:  # noqa: ANN401
    """Ids of the rows that are left in these files, in batches."""
    rows = table.search().select(["id"]).with_row_id(True).to_arrow()
    there = zip(rows["id"].to_pylist(), rows["_rowid"].to_pylist(), strict=True)
    ids = [id for id, row in there if row >> _FRAGMENT in files]
    return [ids[start : start + _BATCH] for start in range(0, len(ids), _BATCH)]
