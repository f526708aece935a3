"""Checksums of the files of a table in a folder, kept beside them: what a flipped bit would change silently.

LanceDB writes a file once and never changes it; it keeps no checksum of most of what it writes. So one line
a file is added to ``sums`` in the table's folder by whoever holds the writers' lock: its path, its size, its
CRC-32, which finds every error of up to 32 bits in a row and all but one of four billion others, and the
CRC-32 of the line itself. A file that a writer left that died has none until the next write.
"""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

SUMS = "sums"
"""Name of the file; it goes with its table."""

WRITTEN = ("data", "_versions", "_deletions", "_transactions", "_indices")
"""Folders of a table."""
_ENDS = (".lance", ".manifest", ".arrow", ".bin", ".txn")
_PASSING = re.compile(r"^\.tmp|#")
_BLOCK = 1 << 22
_FEW = 256


@dataclass(frozen=True, slots=True)
class Sum:
    """What is known of a file: its size in bytes and its CRC-32."""

    size: int
    crc: int

    @classmethod
    def of(cls, path: Path) -> Sum:
        """Read a file.

        Examples:
            >>> import tempfile
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     _ = (Path(folder) / "a").write_bytes(b"123456789")
            ...     Sum.of(Path(folder) / "a")
            Sum(size=9, crc=3421780262)
        """
        size = crc = 0
        with path.open("rb") as stream:
            while block := stream.read(_BLOCK):
                size += len(block)
                crc = zlib.crc32(block, crc)
        return cls(size, crc)


@dataclass(frozen=True, slots=True)
class Sums:
    """The checksums of a table.

    Attributes:
        known: By path below the table's folder.
        damaged: Lines that are none.
    """

    known: dict[str, Sum]
    damaged: int = 0


def read_sums(table: Path) -> Sums:
    """The checksums that are kept of a table's files."""
    try:
        lines = (table / SUMS).read_bytes().split(b"\n")
    except OSError:
        return Sums({})
    known, damaged = {}, 0
    for line in filter(None, lines):
        path, size, crc, own = (line.split(b"\t") + [b""] * 4)[:4]
        try:
            if int(own, 16) != zlib.crc32(line[: line.rindex(b"\t")]):
                raise ValueError
            known[path.decode()] = Sum(int(size), int(crc, 16))
        except ValueError:
            damaged += 1
    return Sums(known, damaged)


def sealed(table: Path) -> tuple[list[str], Sums]:
    """Keep the checksums of files that have none; for whoever holds the writers' lock.

    Where there is no room for them, they are kept after another write.

    Returns:
        The files that had none, and the checksums from before.
    """
    sums = read_sums(table)
    there = set(_files(table))
    fresh = {}
    for path in sorted(there - sums.known.keys()):
        with suppress(FileNotFoundError):
            fresh[path] = Sum.of(table / path)
    lines = b"".join(_line(path, one) for path, one in fresh.items())
    gone = sums.known.keys() - there
    with suppress(OSError):
        if sums.damaged or len(gone) > max(_FEW, len(there)):
            kept = {path: one for path, one in sums.known.items() if path in there}
            _write(table, {**kept, **fresh})
        elif lines:
            with (table / SUMS).open("ab") as stream:
                stream.write(b"\n" + lines)  # what a process that died began is a line of its own
    return list(fresh), sums


def unsealed(table: Path, paths: Collection[str]) -> None:
    """Keep no checksums of files whose names are to be used again; for whoever holds the writers' lock."""
    known = read_sums(table).known
    if known.keys() & set(paths):
        _write(table, {path: one for path, one in known.items() if path not in paths})


def differing(table: Path, paths: Iterable[str]) -> list[str]:
    """Those of the files that are not what was written; what has no checksum is left out."""
    known = read_sums(table).known
    found = []
    for path in paths:
        with suppress(FileNotFoundError):
            if path in known and Sum.of(table / path) != known[path]:
                found.append(path)
    return found


def _write(table: Path, known: Mapping[str, Sum]) -> None:
    passing = table / f".tmp-{SUMS}"
    passing.write_bytes(b"".join(_line(path, one) for path, one in known.items()))
    passing.replace(table / SUMS)


def _line(path: str, one: Sum) -> bytes:
    told = f"{path}\t{one.size}\t{one.crc:08x}".encode()
    return told + f"\t{zlib.crc32(told):08x}\n".encode()


def _files(table: Path) -> Iterator[str]:
    """The files of a table that are written once, by path below its folder."""
    for folder in WRITTEN:
        yield from _within(table / folder, folder)


def _within(folder: Path, name: str) -> Iterator[str]:
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from _within(folder / entry.name, f"{name}/{entry.name}")
            elif entry.name.endswith(_ENDS) and not _PASSING.search(entry.name):
                yield f"{name}/{entry.name}"
