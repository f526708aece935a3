"""After every write, while its lock is held: what was committed is read back, and its checksums are kept.

A file system may take a write and fail later, and LanceDB does not look again: so the latest version's manifest
is read, and the sizes of the new files that it names are compared. A version that is not whole is set aside,
which brings back the one before, and the write fails. Where it was asked for, new files are synced to the disk.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from rag_embed.errors import StoreError
from rag_embed.stores.manifests import manifests, missing, read_manifest
from rag_embed.stores.sums import Sums, sealed, unsealed

ASIDE = ".torn"
"""Behind the name of a version's file that was set aside."""

_durable: set[Path] = set()


def sync_from_now_on(folder: Path | None) -> None:
    """Sync what is written to an index in this folder, before a write counts as done; None for none."""
    if folder is not None:
        _durable.add(folder)


def settle(folder: Path, names: Iterable[str]) -> None:
    """Look at what was just written to some tables.

    Raises:
        StoreError: A commit cannot be read back; it was taken back.
    """
    for table in (folder / f"{name}.lance" for name in names):
        if not table.is_dir():
            continue
        fresh, before = sealed(table)
        if folder in _durable:
            _sync(table, fresh)
        new = {path for path in fresh if path.startswith("_versions/")}
        torn = []
        for path in manifests(table):
            if f"_versions/{path.name}" not in new or not (found := wrong(path, before)):
                break
            torn.append((path, found[0]))
        if torn:
            set_aside(table, [path for path, _ in torn])
            raise StoreError(
                f"The disk lost what was written to {table.name}: {torn[0][1]}. It was taken back, and what "
                "was there before is whole; look at the disk's room and health, and write again."
            )


def set_aside(table: Path, versions: Sequence[Path]) -> None:
    """Let versions of a table be none, without losing a byte of them; their numbers are used again."""
    unsealed(table, [f"_versions/{path.name}" for path in versions])
    for path in versions:
        path.replace(path.with_name(path.name + ASIDE))
    (table / "_versions" / "latest_version_hint.json").unlink(missing_ok=True)


def wrong(path: Path, before: Sums | None = None) -> list[str]:
    """What is wrong with a version: its manifest, or files with rows or deletions that it names.

    Args:
        path: Of the manifest.
        before: Checksums of files that are not looked at again.
    """
    try:
        found = missing(read_manifest(path), () if before is None else before.known)
    except (OSError, StoreError) as error:
        return [str(error)]
    return [one for one in found if not one.startswith("_indices/")]


def _sync(table: Path, fresh: Iterable[str]) -> None:
    paths = [table / path for path in fresh]
    folders = {parent for path in paths for parent in (path.parent, table, table.parent)}
    for path in [*paths, *sorted(folders)]:
        number = os.open(path, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
