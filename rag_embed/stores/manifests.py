"""What a version of a table in a folder says of itself: its files with their sizes, its rows, its columns.

LanceDB opens a version without looking whether its files are there and whole, and takes a call for each thing
that is asked. A manifest is a message of protocol buffers, then its place in the file, two numbers of its
format, and ``LANC`` (https://lance.org/format/table). Only what is named below is read here; the rest is left
alone.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rag_embed.errors import StoreError
from rag_embed.stores.deletions import deleted_rows

_MAGIC = b"LANC"
_TAIL = struct.Struct("<QHH4s")
_LENGTH = struct.Struct("<I")
_COLUMN, _FRAGMENT, _VERSION, _INDEXES = 1, 2, 3, 6
_NUMBER, _DATA, _DELETED, _ROWS = 1, 2, 3, 4
_KINDS = ("arrow", "bin")
_LAST = 2**64 - 1


FRAGMENT = 32
"""Bits of a row's number that count the rows of its fragment; the fragment's number is above."""


@dataclass(frozen=True, slots=True)
class Named:
    """A file that a version names.

    Attributes:
        path: Below the folder of the table.
        size: In bytes; None where the manifest does not say it.
        deleted: How many rows it says are deleted, if that is what it is for.
    """

    path: str
    size: int | None
    deleted: int | None = None


@dataclass(frozen=True, slots=True)
class Fragment:
    """Rows that were written together, numbered in order.

    Attributes:
        number: Of the fragment; later ones have larger numbers.
        rows: How many were written.
        deleted: How many of them are deleted.
        files: Data, and deletions.
    """

    number: int
    rows: int
    deleted: int
    files: tuple[Named, ...]

    @property
    def numbers(self) -> npt.NDArray[np.int64]:
        """LanceDB's number of each row."""
        return (self.number << FRAGMENT) + np.arange(self.rows, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Manifest:
    """A version of a table.

    Attributes:
        path: Its file.
        version: Its number.
        fragments: Its rows.
        indexed: Files of its search indexes.
        marks: Names of its search indexes, which are drawn at random when they are made.
        columns: What it says of its columns: equal where they are the same, and the same type.
    """

    path: Path
    version: int
    fragments: tuple[Fragment, ...]
    indexed: tuple[Named, ...]
    marks: frozenset[str]
    columns: bytes

    @property
    def files(self) -> tuple[Named, ...]:
        """What it names: data, deletions, search indexes."""
        return (*(file for one in self.fragments for file in one.files), *self.indexed)

    @property
    def rows(self) -> int:
        """How many there are."""
        return sum(one.rows - one.deleted for one in self.fragments)


def manifests(table: Path) -> list[Path]:
    """The files of a table's versions, the latest first."""
    return sorted((table / "_versions").glob("*.manifest"))


def manifest(table: Path, version: int) -> Path:
    """The file of one of a table's versions."""
    return table / "_versions" / f"{_LAST - version:020}.manifest"


def version_of(path: Path) -> int:
    """The number of the version that a file is, by its name."""
    return _LAST - int(path.stem)


def read_manifest(path: Path) -> Manifest:
    """Read a version.

    Raises:
        StoreError: It cannot be read, or is none.
    """
    content = path.read_bytes()
    try:
        place, _, _, magic = _TAIL.unpack(content[-_TAIL.size :])
        if magic != _MAGIC:
            raise ValueError("no manifest")
        version, fragments, columns = 0, list[Fragment](), list[bytes]()
        indexes: list[bytes] = []
        for field, value in _message(_at(content, place)):
            if field == _COLUMN:
                columns.append(_bytes(value))
            elif field == _FRAGMENT:
                fragments.append(_fragment(_bytes(value)))
            elif field == _VERSION:
                version = _number(value)
            elif field == _INDEXES:
                indexes += [_bytes(one) for _, one in _message(_at(content, _number(value)))]
        named = dict(map(_index, indexes))
        if version != version_of(path):
            raise ValueError(f"it is that of version {version}")
    except (ValueError, LookupError, StopIteration, struct.error) as error:
        raise StoreError(f"{path} is damaged ({error}).") from error
    files = tuple(file for some in named.values() for file in some)
    return Manifest(path, version, tuple(fragments), files, frozenset(named), b"".join(columns))


def missing(manifest: Manifest, known: Collection[str] = ()) -> list[str]:
    """Files of a version that are not there, or have another size; each with what is wrong.

    Args:
        manifest: The version.
        known: Files that are not looked at.
    """
    table = manifest.path.parents[1]
    found = []
    for file in manifest.files:
        if file.path in known:
            continue
        try:
            size = os.stat(table / file.path).st_size
        except FileNotFoundError:
            found.append(f"{file.path} is missing")
            continue
        if file.size not in (None, size):
            found.append(f"{file.path} has {size} of {file.size} bytes")
    return found


def cut_short(manifest: Manifest, known: Collection[str] = ()) -> list[str]:
    """Files of deletions, whose sizes no manifest says, that are not whole; each with what is wrong.

    Args:
        manifest: The version.
        known: Files that are not looked at.
    """
    found = []
    for file in manifest.files:
        if not file.deleted or file.path in known:
            continue
        with suppress(FileNotFoundError):  # see `missing`
            if told := _short(manifest.path.parents[1] / file.path, file.deleted):
                found.append(f"{file.path} {told}")
    return found


def _short(path: Path, deleted: int) -> str:
    try:
        found = deleted_rows(path)
    except ValueError as error:
        return f"is damaged ({error})"
    return "" if found == deleted else f"names {found} of {deleted} deleted rows"


@lru_cache(maxsize=1024)  # the next version has nearly all of them
def _fragment(content: bytes) -> Fragment:
    number = rows = deleted = 0
    files: list[Named] = []
    for field, value in _message(content):
        if field == _NUMBER:
            number = _number(value)
        elif field == _ROWS:
            rows = _number(value)
        elif field == _DATA:
            told = dict(_message(_bytes(value)))
            size = told.get(6)
            name = _bytes(told[1]).decode()
            files.append(Named(f"data/{name}", None if size is None else _number(size)))
        elif field == _DELETED:
            told = dict(_message(_bytes(value)))
            kind = _KINDS[_number(told.get(1, 0))]
            name = f"{number}-{_number(told.get(2, 0))}-{_number(told.get(3, 0))}.{kind}"
            deleted = _number(told.get(4, 0))
            files.append(Named(f"_deletions/{name}", None, deleted))
    return Fragment(number, rows, deleted, tuple(files))


@lru_cache(maxsize=64)
def _index(content: bytes) -> tuple[str, tuple[Named, ...]]:
    """Its name and its files."""
    told = list(_message(content))
    identity = next(_bytes(value) for field, value in told if field == 1)
    name = _bytes(dict(_message(identity))[1]).hex()
    name = "-".join((name[:8], name[8:12], name[12:16], name[16:20], name[20:]))
    files = []
    for field, value in told:
        if field == 10:
            file = dict(_message(_bytes(value)))
            size = file.get(2)
            path = f"_indices/{name}/{_bytes(file[1]).decode()}"
            files.append(Named(path, None if size is None else _number(size)))
    return name, tuple(files)


def _at(content: bytes, place: int) -> bytes:
    (length,) = _LENGTH.unpack_from(content, place)
    found = content[place + _LENGTH.size : place + _LENGTH.size + length]
    if len(found) != length:
        raise ValueError("it is cut short")
    return found


def _message(content: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Numbers and values of the fields of a message (https://protobuf.dev/programming-guides/encoding)."""
    i = 0

    def number() -> int:
        nonlocal i
        found = shift = 0
        while True:
            byte = content[i]
            i += 1
            found |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return found

    while i < len(content):
        key = number()
        kind = key & 7
        if kind == 0:
            yield key >> 3, number()
            continue
        length = number() if kind == 2 else {1: 8, 5: 4}.get(kind, -1)
        if length < 0 or i + length > len(content):
            raise ValueError(f"field {key >> 3} cannot be read")
        yield key >> 3, content[i : i + length]
        i += length


def _number(value: int | bytes) -> int:
    if isinstance(value, bytes):
        raise ValueError("bytes where a number should be")
    return value


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ValueError("a number where bytes should be")
    return value
