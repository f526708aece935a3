"""Forgetting for good: no byte of what was deleted stays in any file of an index.

LanceDB deletes and replaces by a note beside the file that still holds the old rows, and keeps old
versions. Which files these are cannot be asked: so all rows are written anew, search indexes are built
anew, and everything but the newest version is dropped. A mark (a table of one row, which names the user) says
that this is going on; whoever opens the index next finishes what a crash interrupted, see `forgetting`. It is
dropped last, with all its files.

A writer that is killed leaves the file it was writing under a passing name, which LanceDB never looks at
again: those are dropped too.

Dropping files would break a write that is on its way: local writers take turns by a file lock. Object
stores have no such lock; there, files of a write that failed stay until they are a week old.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import lancedb
import pyarrow as pa
from lancedb.index import BTree

from rag_embed.stores.event_schema import KEYS
from rag_embed.stores.manifests import manifests, read_manifest
from rag_embed.stores.settling import sync_deletions
from rag_embed.stores.sums import WRITTEN
from rag_embed.stores.tables import SAME, names_of
from rag_embed.stores.upkeep import tidied
from rag_embed.text import storable

MARK = "forgetting"
_MARK = pa.schema([pa.field("user", pa.string()), pa.field("whole", pa.bool_())])
_PASSING = re.compile(r"\.tmp.*|.*#\d+")
"""Names of files that are being written: LanceDB's own, and those of the library below it."""


def begin(database: Any, name: str, user: str, whole: bool) -> None:  # noqa: ANN401
    """Leave a mark, unless it is there.

    Args:
        database: The connection.
        name: Of the mark.
        user: Whom it names.
        whole: Whether more is to be erased than this store's documents.
    """
    if name not in names_of(database):
        row = pa.Table.from_pylist([{"user": storable(user), "whole": whole}], schema=_MARK)
        database.create_table(name, row, exist_ok=True)


def end(database: Any, name: str) -> None:  # noqa: ANN401
    """Take a mark away."""
    database.drop_table(name, ignore_missing=True)


def erase(name: str, table: Any, local: bool) -> None:  # noqa: ANN401
    """Leave nothing in the table's files but the rows it has.

    Args:
        name: ``chunks``, ``documents``, ``events``, ``files`` or ``settings``.
        table: The table.
        local: Whether nobody else can be writing.
    """
    table.update(values_sql={SAME[name]: SAME[name]})
    for index in table.list_indices():
        if index.index_type == "BTree":
            table.create_index(index.columns[0], config=BTree(), replace=True)
        elif index.columns[0].startswith("v_") or index.columns[0] == KEYS:
            table.drop_index(index.name)  # its store builds it again where it is due
    purge(table, local)


def purge(table: Any, local: bool) -> None:  # noqa: ANN401
    """Drop all versions but the newest, and what killed writers left behind."""
    with warnings.catch_warnings():
        # It warns of other writers, who wait for the lock, and of readers, who search again.
        warnings.filterwarnings("ignore", message="optimize.cleanup_older_than=0")
        try:
            tidied(table, timedelta(0), local)
        except (OSError, RuntimeError, ValueError):
            if not local or not _drop_unreadable(Path(table.uri)):
                raise
            tidied(table, timedelta(0), local)
    if local:
        for path in _strays(Path(table.uri)):
            path.unlink(missing_ok=True)
        sync_deletions(Path(table.uri))


def _strays(folder: Path) -> Iterator[Path]:
    """Files of a table that its newest version does not name.

    Killed writers leave some; and where the disk refuses to delete one, LanceDB says nothing.
    """
    newest = manifests(folder)[0]
    content, latest = newest.read_bytes(), read_manifest(newest)
    named = {folder / file.path for file in latest.files}
    for path in folder.rglob("*"):
        kind, *below = path.relative_to(folder).parts
        if not path.is_file() or path in named or path.name.encode() in content:
            continue
        if (kind == "_indices" and below[0] in latest.marks) or path.suffix == ".json":
            continue
        if _PASSING.fullmatch(path.name) or (kind in WRITTEN and path != newest):
            yield path


def _drop_unreadable(folder: Path) -> int:
    """Drop manifests of older versions that cannot be read, which nobody needs; returns how many."""
    _, *older = sorted((folder / "_versions").glob("*.manifest"))  # by name, see `viewing`
    table = lancedb.connect(folder.parent).open_table(folder.stem)
    dropped = 0
    for path in older:
        try:
            table.checkout(2**64 - 1 - int(path.stem))
        except (OSError, RuntimeError, ValueError):
            path.unlink(missing_ok=True)
            dropped += 1
    return dropped
