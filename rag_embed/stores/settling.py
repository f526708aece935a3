"""After every write, while its lock is held: what was committed is read back, and its checksums are kept.

A file system may take a write and fail later, and LanceDB does not look again: so the manifests of new
versions are read, and the sizes of the new files that they name are compared. Where one is not whole, all
versions of this write are set aside, which brings back what was there before, and the write fails. Where it
was asked for, new files are synced to the disk.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any, TypeAlias

from rag_embed.errors import StoreError
from rag_embed.stores.manifests import Manifest, cut_short, manifests, missing, read_manifest
from rag_embed.stores.places import local
from rag_embed.stores.sums import SUMS, Sums, read_sums, sealed, unsealed

ASIDE = ".torn"
"""Behind the name of a version's file that was set aside."""

_durable: set[Path] = set()


def sync_from_now_on(folder: Path | None) -> None:
    """Sync what is written to an index in this folder, before a write counts as done; None for none."""
    if folder is not None:
        _durable.add(folder)


Latest: TypeAlias = Mapping[Path, Path | None]
"""The manifests of the latest versions of tables; None for a table that is not there."""


def latest(folder: Path, names: Iterable[str]) -> Latest:
    """The versions that tables have before they are written."""
    tables = [folder / f"{name}.lance" for name in names]
    return {table: next(iter(manifests(table)), None) for table in tables}


def settle(before: Latest) -> None:
    """Look at what was just written to some tables.

    Args:
        before: What was there, see `latest`.

    Raises:
        StoreError: A commit cannot be read back. All that was written was taken back: documents and their
            chunks go together.
    """
    written: dict[Path, list[Path]] = {}
    torn: dict[Path, str] = {}
    for table, last in before.items():
        if not table.is_dir():
            continue
        fresh, sums = sealed(table)
        written[table] = [*takewhile(lambda path, last=last: path != last, manifests(table))]  # type: ignore[misc]
        names = [f"_versions/{path.name}" for path in written[table]]
        if again := sums.known.keys() & set(names):  # of versions that a power cut took
            unsealed(table, again)
            fresh += sealed(table)[0]
        if table.parent in _durable:
            _sync(table, fresh, new=last is None)
        for path in written[table]:
            if found := _unread(path, sums):
                torn[path] = found[0]
    if torn:
        for table, versions in written.items():
            set_aside(table, _taken_back(versions, before[table], torn))
            if not manifests(table):
                (table / SUMS).unlink(missing_ok=True)  # it is none
        path, what = next(iter(torn.items()))
        raise StoreError(
            f"The disk lost what was written to {path.parents[1].name}: {what}. It was taken back, and what "
            "was there before is whole; look at the disk's room and health, and write again."
        )


def _unread(path: Path, sums: Sums) -> list[str]:
    """What is wrong with a version; a search index that is not whole would be read, and is not built again."""
    try:
        written = read_manifest(path)
        return missing(written, sums.known) + cut_short(written, sums.known)
    except (OSError, StoreError) as error:
        return [str(error)]


def _taken_back(
    versions: Sequence[Path], last: Path | None, torn: Collection[Path]
) -> Sequence[Path]:
    """All new versions, but for that which made the table and is empty.

    Those that are torn alone, where the one before them was erased on purpose; none where nothing else is
    whole, which may be readable later.
    """
    if last is None and versions and versions[-1] not in torn:
        return versions[:-1]
    if last is None or _whole(last):
        return versions
    some = [*takewhile(lambda path: path in torn, versions)]
    return some if any(map(_whole, versions[len(some) :][:1])) else []


def _whole(path: Path) -> bool:
    try:
        return path.exists() and not wrong(path)
    except OSError:
        return False


def set_aside(table: Path, versions: Sequence[Path]) -> None:
    """Let versions of a table be none, without losing a byte of them; their numbers are used again."""
    if not versions:
        return
    unsealed(table, [f"_versions/{path.name}" for path in versions])
    for path in versions:
        path.replace(path.with_name(path.name + ASIDE))
    (table / "_versions" / "latest_version_hint.json").unlink(missing_ok=True)


def check_latest(table: Path, sync: bool) -> None:
    """Look at the latest version before those that it takes the place of are dropped.

    Args:
        table: Its folder.
        sync: Whether it may have been written just now, and a power cut would take it: it is synced.

    Raises:
        StoreError: It is not whole; `settle` takes it back.
    """
    path = manifests(table)[0]
    if found := _unread(path, Sums({})):
        raise StoreError(
            f"The disk lost what was written to {table.name}: {found[0]}; look at the disk's room and health, "
            "and call it again."
        )
    if sync or table.parent in _durable:
        _sync(table, [f"_versions/{path.name}", *(one.path for one in read_manifest(path).files)])


def wrong(path: Path) -> list[str]:
    """What is wrong with a version: its manifest, or files with rows or deletions that it names.

    Args:
        path: Of the manifest.

    Raises:
        OSError: It cannot be read now, which says nothing of what was written.
    """
    try:
        written = read_manifest(path)
        found = missing(written) + cut_short(written, _as_written(written))
    except (FileNotFoundError, StoreError) as error:
        return [str(error)]
    return [one for one in found if not one.startswith("_indices/")]


def _as_written(version: Manifest) -> list[str]:
    """Files of deletions that have the size they were written with, by their checksums."""
    files = [file.path for file in version.files if file.deleted]
    table = version.path.parents[1]
    known = read_sums(table).known if files else {}
    sizes = {file: (table / file).stat().st_size for file in files if file in known}
    return [file for file, size in sizes.items() if size == known[file].size]


def synced(table: Any) -> None:  # noqa: ANN401
    """Sync the latest version of a table, if its index is durable; what is written to others relies on it."""
    folder = local(table.uri)
    if folder is not None and folder.parent in _durable:
        path, known = manifests(folder)[0], read_sums(folder).known
        names = [f"_versions/{path.name}", *(one.path for one in read_manifest(path).files)]
        _sync(folder, [one for one in names if one not in known])


def sync_deletions(table: Path) -> None:
    """What was deleted from a table does not come back by a power cut."""
    _sync_each([table, *(path for path in table.rglob("*") if path.is_dir())])


def _sync(table: Path, fresh: Iterable[str], new: bool = False) -> None:
    """Files, then the folders that name them, that of the index too where it may be new.

    A version comes last: of what was synced by then none is named that is not there.
    """
    paths, top = [table / path for path in fresh], table.parent.parent if new else table.parent
    folders = {one for path in paths for one in path.parents if one.is_relative_to(top)}
    _sync_each([*paths, *sorted(folders, key=lambda one: one.name == "_versions")])


def _sync_each(paths: Iterable[Path]) -> None:
    for path in paths:
        number = os.open(path, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
