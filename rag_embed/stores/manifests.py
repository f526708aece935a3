"""The files that a version of a table in a folder names, with their sizes, read from its manifest.

LanceDB opens a version without looking whether its files are there and whole. A manifest is a message of
protocol buffers, then its place in the file, two numbers of its format, and ``LANC``
(https://lance.org/format/table). Only what tells of files is read here; the rest is left alone.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from rag_embed.errors import StoreError

_MAGIC = b"LANC"
_TAIL = struct.Struct("<QHH4s")
_LENGTH = struct.Struct("<I")
_FRAGMENT, _VERSION, _INDEXES = 2, 3, 6
_DATA, _DELETED = 2, 3
_KINDS = ("arrow", "bin")


@dataclass(frozen=True, slots=True)
class Named:
    """A file that a version names.

    Attributes:
        path: Below the folder of the table.
        size: In bytes; None where the manifest does not say it.
    """

    path: str
    size: int | None


@dataclass(frozen=True, slots=True)
class Manifest:
    """A version of a table.

    Attributes:
        path: Its file.
        version: Its number.
        files: What it names: data, deletions, search indexes.
    """

    path: Path
    version: int
    files: tuple[Named, ...]


def manifests(table: Path) -> list[Path]:
    """The files of a table's versions, the latest first."""
    return sorted((table / "_versions").glob("*.manifest"))


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
        version, files = 0, list[Named]()
        for field, value in _message(_at(content, place)):
            if field == _FRAGMENT:
                files += _of_fragment(_bytes(value))
            elif field == _VERSION:
                version = _number(value)
            elif field == _INDEXES:
                for _, index in _message(_at(content, _number(value))):
                    files += _of_index(_bytes(index))
        if path.stem != f"{2**64 - 1 - version:020}":
            raise ValueError(f"it is that of version {version}")
    except (ValueError, IndexError, struct.error) as error:
        raise StoreError(f"{path} is damaged ({error}).") from error
    return Manifest(path, version, tuple(files))


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


def _of_fragment(content: bytes) -> Iterator[Named]:
    number = 0
    for field, value in _message(content):
        if field == 1:
            number = _number(value)
        elif field == _DATA:
            told = dict(_message(_bytes(value)))
            size = told.get(6)
            name = _bytes(told[1]).decode()
            yield Named(f"data/{name}", None if size is None else _number(size))
        elif field == _DELETED:
            told = dict(_message(_bytes(value)))
            kind = _KINDS[_number(told.get(1, 0))]
            name = f"{number}-{_number(told.get(2, 0))}-{_number(told.get(3, 0))}.{kind}"
            yield Named(f"_deletions/{name}", None)


def _of_index(content: bytes) -> Iterator[Named]:
    told = list(_message(content))
    identity = next(_bytes(value) for field, value in told if field == 1)
    name = dict(_message(identity))[1]
    folder = _bytes(name).hex()
    folder = "-".join((folder[:8], folder[8:12], folder[12:16], folder[16:20], folder[20:]))
    for field, value in told:
        if field == 10:
            file = dict(_message(_bytes(value)))
            size = file.get(2)
            path = f"_indices/{folder}/{_bytes(file[1]).decode()}"
            yield Named(path, None if size is None else _number(size))


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
