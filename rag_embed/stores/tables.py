"""The tables of a LanceDB index: connecting, key-value rows."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from typing import Any

import lancedb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from lancedb.expr import Expr, col, lit

from rag_embed.analysis import Analyzer
from rag_embed.errors import StoreError
from rag_embed.fields import Fields
from rag_embed.processes import PerProcess
from rag_embed.stores.arenas import keep_little
from rag_embed.stores.forked import used
from rag_embed.stores.options import check_options
from rag_embed.stores.places import local
from rag_embed.stores.read_ahead import bound_read_ahead
from rag_embed.stores.schema import field_columns
from rag_embed.stores.store_errors import explained, keep_secret

TABLES = ("chunks", "documents", "settings")

PATIENCE = timedelta(days=7)
"""How long old versions stay, and files that no version names, where writers have no lock."""

SAME = {
    "chunks": "ordinal",
    "documents": "hash",
    "events": "kind",
    "files": "size",
    "settings": "value_json",
}
"""A column of each table that is set to itself where rows are to be written anew."""

_NARROW = 100_000
"""Rows a batch where rows are few bytes."""

_INDEX_BYTES = 256 * 2**20
_METADATA_BYTES = 64 * 2**20
_METADATA_BYTES_OF_FOLDERS = 8 * 2**20


def _session(metadata_bytes: int) -> lancedb.Session:
    keep_little()  # before its threads make some
    bound_read_ahead()
    return lancedb.Session(
        index_cache_size_bytes=_INDEX_BYTES, metadata_cache_size_bytes=metadata_bytes
    )


_SESSION = PerProcess(partial(_session, _METADATA_BYTES))
"""What LanceDB keeps in memory of all indexes that a process opens; by itself it takes gigabytes."""

_SESSION_OF_FOLDERS = PerProcess(partial(_session, _METADATA_BYTES_OF_FOLDERS))
"""The same of those in folders: reading again what a file says of itself costs no request, and each of these
many small pieces holds a page of memory, though all around it was given back."""


def connect(uri: str | os.PathLike[str], options: Mapping[str, str] | None) -> Any:  # noqa: ANN401
    """A LanceDB connection; see `latest` for its tables.

    Args:
        uri: See `places.place`.
        options: Of the object store. What of it is secret stays out of errors from now on.

    Raises:
        BadInput: The options are no mapping of str to str.
    """
    check_options(options)
    keep_secret(options)
    with explained("open the folder", uri):
        used()
        alone = local(os.fspath(uri)) is not None
        in_memory = os.fspath(uri).startswith("memory://")  # one for all of a session
        session = None if in_memory else (_SESSION_OF_FOLDERS if alone else _SESSION).get()
        return lancedb.connect(
            uri,
            read_consistency_interval=timedelta(0) if alone else None,
            storage_options=dict(options) if options else None,
            session=session,
        )


class Latest:
    """A handle of a table on an object store that looks for the latest version once an operation.

    LanceDB's own handles, told to re-read the version, list the versions three to six times for one
    search or write, and each time is a request.

    Args:
        table: LanceDB's handle, of a connection that does not re-read by itself.
    """

    def __init__(self, table: Any) -> None:  # noqa: ANN401
        self._table = table

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self.at_once(), name)

    def at_once(self) -> Any:  # noqa: ANN401
        """LanceDB's handle at the latest version, for several looks at it."""
        self._table.checkout_latest()
        return self._table


def latest(database: Any, name: str) -> Any:  # noqa: ANN401
    """A handle of a table that re-reads the version before every operation."""
    table = database.open_table(name)
    return Latest(table) if local(database.uri) is None else table


def at_once(table: Any) -> Any:  # noqa: ANN401
    """A handle for several looks in a row, which on an object store look for the latest version once."""
    return table.at_once() if isinstance(table, Latest) else table


def opened(database: Any, name: str, version: int) -> Any:  # noqa: ANN401
    """A handle of a table at one version, which never moves."""
    return database.open_table(name, version=version)


def marks_of(table: Any) -> frozenset[str]:  # noqa: ANN401
    """Names of the search indexes of a table, which are drawn at random when they are made."""
    return frozenset(index.index_uuid for index in table.list_indices())


def narrow(search: Any) -> pa.Table:  # noqa: ANN401
    """The rows of a search that reads many of few bytes: a batch costs .3 ms, and by itself has 1,024 rows."""
    return search.to_batches(_NARROW).read_all()


def even_rows(
    table: Any,  # noqa: ANN401
    most: int,
    condition: Expr | None = None,
) -> npt.NDArray[np.int64]:
    """LanceDB's numbers of evenly spaced rows, of all where there are no more.

    By their offsets LanceDB counts for each row which before it are deleted, as soon as one is: for 65,536 of
    100,000 rows that took 15 s.
    """
    search = table.search().select(["_rowid"]).with_row_id(True)
    found = narrow(search if condition is None else search.where(condition))["_rowid"]
    numbers = np.sort(found.to_numpy().astype(np.int64))
    return numbers[:: max(1, -(-len(numbers) // most))]


def passing(table: Any, condition: Expr, most: int | None = None) -> int:  # noqa: ANN401
    """How many rows pass a condition, or the first so many.

    LanceDB itself counts by SQL text, and in the text that it makes of an expression two quotes in a row are
    one, and one behind a backslash ends the str: whoever chooses a name could say what is counted.
    """
    search = table.search().where(condition).select(["_rowid"]).with_row_id(True)
    return len(narrow(search if most is None else search.limit(most)))


@contextmanager
def let_go(handles: dict[str, Any], name: str) -> Iterator[None]:
    """Keep no handle of a table where a write fails: all of the table may have been taken back."""
    try:
        yield
    except BaseException:
        handles.pop(name, None)
        raise


def names_of(database: Any) -> set[str]:  # noqa: ANN401
    """The tables there are, and folders of those whose making was interrupted."""
    return set(database.list_tables(limit=1000).tables)


def whole_names_of(database: Any) -> list[str]:  # noqa: ANN401
    """The tables that have a version."""
    names, folder = sorted(names_of(database)), local(database.uri)
    if folder is None:
        return names
    return [
        name for name in names if any((folder / f"{name}.lance" / "_versions").glob("*.manifest"))
    ]


def made(database: Any, name: str) -> Any:  # noqa: ANN401
    """A table's handle; None where there is none, or a folder that a process left which died making it."""
    if name not in names_of(database):
        return None
    try:
        return latest(database, name)
    except ValueError as error:
        if f"'{name}' was not found" not in str(error):
            raise
        return None


def settings_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """The store's own settings among all; empty when there are none."""
    own = values.get("store", {})
    if not isinstance(own, Mapping):
        raise StoreError(f"The settings of the index are damaged; its store's are {own!r:.40}.")
    return {"tokens": [], **own} if own else {}


def upsert(table: Any, key: str, rows: pa.Table, alone: bool = True) -> None:  # noqa: ANN401
    """Insert rows, or replace those with the same key.

    Args:
        table: The table.
        key: Its primary key.
        rows: The rows.
        alone: Whether a lock guards writers. Without, no search index is used, since only then LanceDB
            notices that another process wrote the same key meanwhile.
    """
    merge = table.merge_insert(key).when_matched_update_all().when_not_matched_insert_all()
    merge.use_index(alone).execute(rows)


@contextmanager
def given_way() -> Iterator[None]:
    """Give up what is done inside when another process changed the same rows at the same time."""
    try:
        yield
    except RuntimeError as error:
        if "commit conflict" not in str(error):
            raise


def read_analyzer(settings: Mapping[str, Any]) -> Analyzer:
    """The analyser from its stored settings."""
    stop_words = settings["stop_words"]
    words = None if stop_words is None else tuple(stop_words)
    return Analyzer(settings["language"], settings["stem"], words)


def check_own(own: Mapping[str, Any], newest: int, uri: str) -> None:
    """Refuse settings of a store that a flipped bit or another program made something else.

    Args:
        own: What is stored.
        newest: The format that this version writes; what a newer one holds is not looked at.
        uri: Of the index.

    Raises:
        StoreError: They are damaged.
    """
    try:
        if int(own["format"]) > newest:
            return
        read_analyzer(own["analyzer"])
        spaces, sparse = dict(own["spaces"]), dict(own.get("sparse", {}))
        numbers = [own.get("words", 0), *spaces.values(), *sparse.values()]
        if not all(isinstance(one, int) for one in numbers):
            raise ValueError(f"{numbers} are to be whole numbers")
        if unknown := [name for name in own["tokens"] if name not in spaces]:
            raise ValueError(f"{unknown} are none of its spaces")
        Fields(dict(own["fields"]))
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        raise StoreError(
            f"The settings of the index at {uri!r} are damaged ({type(error).__name__}: {error}). `rag-embed "
            "doctor KB --deep` says which file is; restore the folder from a copy."
        ) from error


def counted(
    chunks: Any,  # noqa: ANN401
    documents: Any,  # noqa: ANN401
    spaces: Mapping[str, int],
    fields: Fields,
) -> dict[str, object]:
    """Counts of an index, for people.

    Args:
        chunks: The table.
        documents: The table.
        spaces: Name and dimension of each space.
        fields: The declared fields.
    """
    there = {name: col(field_columns(name)[1]) == lit(True) for name in fields.types}
    return {
        "documents": documents.count_rows(),
        "chunks": chunks.count_rows(),
        "spaces": dict(spaces),
        "fields": dict(fields.types),
        "filled": {name: chunks.count_rows(has.to_sql()) for name, has in there.items()},
        "versions": len(chunks.list_versions()),
    }


def size_on_disk(uri: str) -> int | None:
    """Bytes on disk, None for an object store."""
    if (folder := local(uri)) is None:
        return None
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):  # upkeep drops files at any time
                total += os.stat(os.path.join(parent, name)).st_size
    return total
