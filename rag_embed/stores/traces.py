"""Where in an index a string of bytes still is: every file as it lies there, and every row of every version.

LanceDB compresses some columns, and SQLite cuts long texts in two, so a scan of bytes alone could miss what
is there. So rows are read through their tables as well. What neither sees is the full-text index, which
keeps single words, compressed: `erasing` builds it anew.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag_embed.stores.store_errors import explained
from rag_embed.stores.tables import whole_names_of

if TYPE_CHECKING:
    import pyarrow as pa

NOT_COVERED = (
    "single words in full-text indexes, which are compressed; they are built anew when somebody is "
    "forgotten",
    "copies that were made of the index, and what its users keep",
)
"""What a scan cannot see."""

_BLOCK = 1 << 24
_ROWS = 4096
_SQLITE = b"SQLite format 3\0"


@dataclass(frozen=True, slots=True)
class ScannedFile:
    """A file that was read whole.

    Attributes:
        path: Below the index's folder, or absolute for one outside.
        bytes: Its size.
        sha256: Of its content.
    """

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ScannedTable:
    """A table whose rows were read, in each of its versions.

    Attributes:
        name: Of the table.
        versions: Those that there are.
        rows: How many rows each has.
    """

    name: str
    versions: tuple[int, ...]
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """A place with a trace.

    Attributes:
        trace: Which of those that were looked for, counted from 0.
        where: A file; or table and version.
        column: Of the table; empty for a file.
    """

    trace: int
    where: str
    column: str = ""


@dataclass(frozen=True, slots=True)
class Scan:
    """What was read, and what was found in it."""

    files: tuple[ScannedFile, ...]
    tables: tuple[ScannedTable, ...]
    found: tuple[Found, ...]


def scanned(uri: str, traces: Sequence[bytes], beside: Iterable[str] = ()) -> Scan:
    """Look for traces in all of an index.

    Args:
        uri: Folder of the index. Of an object store only the tables are read.
        traces: Bytes to look for, none of them empty.
        beside: Files outside of the folder that belong to the index.

    Raises:
        StoreError: A table cannot be read.

    Examples:
        >>> scanned("/nowhere", [b"x"])
        Scan(files=(), tables=(), found=())
    """
    found: dict[Found, None] = {}
    folder = Path(uri)
    local = sorted(path for path in folder.rglob("*") if path.is_file())
    names = {path: path.relative_to(folder).as_posix() for path in local}
    names |= {Path(path): path for path in beside if Path(path).is_file()}
    files = []
    for path, name in names.items():
        try:
            one, places = _file(path, name, traces)
        except FileNotFoundError:  # dropped by a writer meanwhile
            continue
        files.append(one)
        found |= dict.fromkeys(places)
    tables = []
    if local or "://" in uri:
        with explained("look for traces", uri):
            import lancedb

            database = lancedb.connect(uri)
            for name in whole_names_of(database):
                table, places = _table(database, name, traces)
                tables.append(table)
                found |= dict.fromkeys(places)
    return Scan(tuple(files), tuple(tables), tuple(found))


def versions(uri: str) -> dict[str, tuple[int, ...]]:
    """The versions that each table has."""
    with explained("list versions", uri):
        import lancedb

        database = lancedb.connect(uri)
        return {
            name: tuple(one["version"] for one in database.open_table(name).list_versions())
            for name in whole_names_of(database)
        }


def _file(path: Path, name: str, traces: Sequence[bytes]) -> tuple[ScannedFile, list[Found]]:
    digest, size, before = hashlib.sha256(), 0, b""
    longest = max(map(len, traces), default=1)
    found: dict[int, None] = {}
    first = b""
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            first = first or block[: len(_SQLITE)]
            digest.update(block)
            size += len(block)
            window = before + block
            found |= dict.fromkeys(i for i, one in enumerate(traces) if one in window)
            before = window[-(longest - 1) :] if longest > 1 else b""
    if first == _SQLITE:
        found |= dict.fromkeys(_in_sqlite(path, traces))
    return ScannedFile(name, size, digest.hexdigest()), [Found(i, name) for i in found]


def _in_sqlite(path: Path, traces: Sequence[bytes]) -> Iterator[int]:
    """Long texts lie in several pages, so rows are read too."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (name,) in tables:
            quoted = name.replace('"', '""')
            for row in database.execute(f'SELECT * FROM "{quoted}"'):
                for value in row:
                    content = value if isinstance(value, bytes) else str(value).encode()
                    yield from (i for i, one in enumerate(traces) if one in content)


def _table(
    database: Any,  # noqa: ANN401
    name: str,
    traces: Sequence[bytes],
) -> tuple[ScannedTable, list[Found]]:
    table = database.open_table(name)
    known = [one["version"] for one in table.list_versions()]
    found: dict[Found, None] = {}
    rows = []
    for version in known:
        table.checkout(version)
        rows.append(0)
        for batch in table.search().to_batches(_ROWS):
            rows[-1] += batch.num_rows
            for column, content in _columns(batch).items():
                for i, one in enumerate(traces):
                    if any(one in leaf for leaf in content):
                        found[Found(i, f"{name}, version {version}", column)] = None
    return ScannedTable(name, tuple(known), tuple(rows)), list(found)


def _columns(batch: pa.RecordBatch) -> Mapping[str, list[bytes]]:
    return {
        name: list(_leaves(column))
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
    }


def _leaves(array: pa.Array) -> Iterator[bytes]:
    """The bytes of all values of an array, however deep they lie."""
    import pyarrow as pa  # with its users, so that the shell starts fast

    kind = array.type
    if pa.types.is_dictionary(kind):
        yield from _leaves(array.dictionary_decode())
    elif pa.types.is_struct(kind):
        for one in array.flatten():
            yield from _leaves(one)
    elif (
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    ):
        yield from _leaves(array.flatten())
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        yield "\0".join(filter(None, array.to_pylist())).encode("utf-8", "surrogatepass")
    elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        yield b"\0".join(filter(None, array.to_pylist()))
    elif pa.types.is_primitive(kind) and not pa.types.is_boolean(kind):
        yield array.fill_null(0).to_numpy(zero_copy_only=False).tobytes()
