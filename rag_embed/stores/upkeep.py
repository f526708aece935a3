"""Upkeep of tables, in proportion to what is written: few files, few versions, few rows without an index.

Every commit leaves a file, a version, and rows that no search index knows; a search by an index looks through
such rows one by one, 6 microseconds for a text of 60 words. LanceDB tidies a table as a whole: for
100,000 chunks of 384 dimensions that takes 1.7 s of a processor, of which 1.3 s copy rows that are as they
were. So a table is tidied when enough has come since the last time, and the rows at its end are made one
file before: LanceDB then finds nothing to merge with the large file before it, and 0.4 s are left. Rows at
the end are merged with it when they are more than a sixteenth of all.

Whoever reads a version can go on: where a lock guards writers, it is dropped when another one has been in
its place for `KEEP`, elsewhere after `PATIENCE`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from lancedb.index import BTree

from rag_embed.stores.arenas import give_back
from rag_embed.stores.manifests import manifests, read_manifest
from rag_embed.stores.settling import check_latest
from rag_embed.stores.tables import PATIENCE, SAME, at_once, given_way

COMMITS = 64
"""Commits after which small files are made one."""

LOOSE = 1024
"""Rows without a search index that are borne in any table; a large one bears a `_SHARE` of its rows."""

KEEP = timedelta(seconds=30)
"""How long a version stays that another one took the place of, at least; a search takes less."""

_LITTLE = 2**20
"""Bytes of older versions that are borne in any table."""

_NEVER = timedelta(days=36500)
_MARGIN = timedelta(seconds=5)
_ROWS = 1024
_SHARE = 64
_TAIL = 16
_TRIES = 5

Due: TypeAlias = Literal["nothing", "gather", "tidy"]


class Upkeep:
    """Knows what the tables of a place need.

    Args:
        local: Whether a lock guards writers.
    """

    def __init__(self, local: bool) -> None:
        self._local = local
        self._seen: dict[str, int] = {}

    def watch(self, name: str, table: Any) -> None:  # noqa: ANN401
        """Count the commits of a table from now on."""
        self._seen[name] = table.version

    def due(self, name: str, table: Any, wanted: Iterable[str] = ()) -> Due:  # noqa: ANN401
        """What is to be done, if anything.

        A table of ``n`` rows is tidied after ``n / 1024`` commits, and not before `COMMITS`; and where nothing
        was written for a while, and most of what lies there is of older versions, as a build leaves it.

        Args:
            name: Of the table.
            table: The table.
            wanted: Columns that shall have a search index.
        """
        table = at_once(table)
        version, rows = table.version, table.count_rows()
        before = self._seen.setdefault(name, version - 1)

        def passed(every: int) -> bool:
            return bool(version // every != before // every)

        few = max(LOOSE, rows // _SHARE)
        if passed(max(COMMITS, rows // _ROWS)) or _loose(table, rows, wanted) > few:
            return "tidy"
        if self._local and mostly_left(Path(table.uri)):
            return "tidy"
        return "gather" if passed(COMMITS) else "nothing"

    def keep(self, name: str, table: Any, wanted: Iterable[str] = ()) -> Due:  # noqa: ANN401
        """Do what is due, and say what that was; the caller holds the lock, if there is one.

        Args:
            name: Of the table.
            table: The table.
            wanted: Columns that shall have a search index; where one is lacking, it is built.
        """
        due = self.due(name, table, wanted)
        if due != "nothing":
            gather(name, table)
        if due == "tidy":
            optimized(table, self._local)
            known = {index.columns[0] for index in table.list_indices()}
            for column in wanted:
                if column not in known:
                    table.create_index(column, config=BTree())
        self.watch(name, table)
        return due


def mostly_left(table: Path) -> bool:
    """Whether more bytes lie in a table's folder that only versions from before a pause name than all others.

    A version that was made right before another one cannot go yet, so after a build its copies of rows stay
    until somebody writes again. Where no pause was before the latest version, nobody looks.

    Args:
        table: The folder.
    """
    versions = manifests(table)[:2]
    if len(versions) < 2 or time.time() - versions[1].stat().st_mtime < 2 * KEEP.total_seconds():
        return False
    named = {file.path for one in versions for file in read_manifest(one).files}
    there = {f"data/{file.name}": file.stat().st_size for file in (table / "data").iterdir()}
    left = sum(size for path, size in there.items() if path not in named)
    return left > max(_LITTLE, sum(there.values()) // 2)


def gather(name: str, table: Any) -> None:  # noqa: ANN401
    """Make one file of those at the end that hold a sixteenth of all rows at most."""
    rows = table.count_rows()
    if rows < _TAIL:
        return
    same = SAME[name.partition("_")[0]]
    last_but = table.take_offsets([rows - 1 - rows // _TAIL]).select([same]).with_row_id()
    after = f"_rowid >= {(_files(last_but)[0] + 1) << 32}"
    if len(np.unique(_files(table.search().where(after).select([same]).with_row_id(True)))) > 1:
        with given_way():  # to another process; what is left, is left for the next time
            table.update(where=after, values_sql={same: same})


def optimized(table: Any, local: bool) -> None:  # noqa: ANN401
    """Small files merged, search indexes brought up to date, old versions dropped.

    Who loses the commit to another process that does the same begins again: the other may have looked
    before the last rows came. Rows that are in no search index after all tries are scanned by every
    search until the next call, so that none is missed.

    Args:
        table: The table.
        local: Whether a lock guards writers, and the caller holds it.
    """
    for _ in range(_TRIES):
        with given_way():
            age = _superseded(table) if local else PATIENCE
            tidied(table, age, local)
            break
    give_back()


def tidied(table: Any, age: timedelta, local: bool) -> None:  # noqa: ANN401
    """Small files merged, search indexes brought up to date, old versions dropped.

    LanceDB does all in one call, and looks at nothing. Where the version that was the latest goes too, its
    successor is seen to be whole before: of what a disk lost, no version would be left. That takes a second
    call, which merges the large file with the small one that only then has a search index too.

    Args:
        table: The table.
        age: From which on versions are dropped.
        local: Whether a lock guards writers, and the caller holds it.

    Raises:
        StoreError: What was written is not whole; whoever holds the lock takes it back, see `settling`.
    """
    last_goes = local and not age
    if last_goes:
        table.optimize(cleanup_older_than=_NEVER)
        check_latest(Path(table.uri), sync=True)
    table.optimize(cleanup_older_than=age, delete_unverified=local)
    if local and not last_goes:
        check_latest(Path(table.uri), sync=False)


def _files(search: Any) -> npt.NDArray[np.uint64]:  # noqa: ANN401
    """Numbers of the files that rows lie in; later ones are larger."""
    found: npt.NDArray[np.uint64] = search.to_arrow()["_rowid"].to_numpy() >> 32
    return found


def _loose(table: Any, rows: int, wanted: Iterable[str]) -> int:  # noqa: ANN401
    """Rows that some search index lacks."""
    known = {index.columns[0]: index.name for index in table.list_indices()}
    if not known.keys() >= set(wanted):
        return rows
    return max((table.index_stats(name).num_unindexed_rows for name in known.values()), default=0)


def _superseded(table: Any) -> timedelta:  # noqa: ANN401
    """The age from which on versions may go.

    It is counted from when they were made: so it is that of the version that was the latest one
    `KEEP` ago, and a little more, for the time that passes before they go.
    """
    now = datetime.now()
    made: list[datetime] = sorted(version["timestamp"] for version in table.list_versions())
    pairs = zip(made, [*made[1:], now], strict=True)
    kept = next(one for one, following in pairs if following >= now - KEEP)
    return max(now - kept, timedelta(0)) + _MARGIN
