"""Going back to the last whole version, where a power cut or a full disk took what was written last.

A version whose manifest cannot be read, or whose rows are not all there, is set aside: not a byte is lost, and
the version before it is the latest again. Search indexes are no reason, since they are built again.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rag_embed.stores.files import FILES
from rag_embed.stores.locks import turn
from rag_embed.stores.manifests import manifests, read_manifest, version_of
from rag_embed.stores.places import local
from rag_embed.stores.settling import set_aside, wrong
from rag_embed.stores.store_errors import explained
from rag_embed.stores.sums import differing
from rag_embed.stores.tables import TABLES

AUTOMATIC = 16
"""Versions that are set aside when an index is opened; whether more are, somebody decides."""


MOMENTS = 60.0
"""Seconds within which they were written: systems write to the disk what they hold after half a minute."""


def recover(
    uri: str,
    most: int | None = AUTOMATIC,
    names: Sequence[str] = (*TABLES, FILES),
    lock: str = "writing",
) -> list[str]:
    """Set aside the latest versions of tables that are not whole, if there is one that is.

    Args:
        uri: Of the index.
        most: How many versions of a table at most; None for all.
        names: Of the tables; all but those of events by default.
        lock: What their writers hold, see `locks.turn`.

    Returns:
        What was done, a sentence for each table.
    """
    folder = local(uri)
    tables = [] if folder is None else [folder / f"{one}.lance" for one in names]
    said = list[str]()
    with explained("go back to the last whole version of the index", uri):
        if not any(_torn(table, most) for table in tables):
            return said
        with turn(uri, lock):
            for table in tables:  # looked at again: a writer may have been at work
                if torn := _torn(table, most):
                    set_aside(table, [path for path, _ in torn])
                    said.append(
                        f"{table.name}: {len(torn)} of the latest versions are not whole ({torn[0][1]}). The "
                        "last whole one is used; what was written after it is to be written again."
                    )
    return said


def recover_events(uri: str, names: Iterable[str]) -> None:
    """Do so for the tables of events among some, which are opened when they are needed; a warning tells."""
    for name in names:
        if name.startswith("events_") and (said := recover(uri, names=[name], lock=name)):
            warnings.warn(f"The index at {uri!r} was damaged. {' '.join(said)}", stacklevel=5)


def _torn(table: Path, most: int | None) -> list[tuple[Path, str]]:
    """The latest versions that are not whole, with what is wrong.

    None where no version is whole, but for a table that an index need not have, and that was just being made.
    """
    torn: list[tuple[Path, str]] = []
    for path in manifests(table):
        found = wrong(path)
        if most is None and differing(table, [f"_versions/{path.name}"]):
            found = [f"{path.name} has other bytes than were written", *found]
        if not found:
            enough = table.stem not in TABLES or _rows(path)
            return torn if most is None or (_late(torn, most) and enough) else []
        torn.append((path, found[0]))
    made_now = torn and version_of(torn[-1][0]) == 1 and table.stem not in TABLES
    return torn if made_now and _late(torn, AUTOMATIC if most is None else most) else []


def _rows(version: Path) -> bool:
    """Whether a version has any; one without is no reason to open an index as if it were empty."""
    return any(file.path.startswith("data/") for file in read_manifest(version).files)


def _late(torn: Sequence[tuple[Path, str]], most: int) -> bool:
    """Whether versions are the last few, of the last moments before the end: what a power cut takes."""
    made = [path.stat().st_mtime for path, _ in torn]
    return len(torn) <= most and max(made, default=0.0) - min(made, default=0.0) <= MOMENTS


def drop_orphans(chunks: Any, documents: Any) -> int:  # noqa: ANN401
    """Delete chunks of documents that are none, for whoever holds the lock; returns how many.

    Args:
        chunks: The table.
        documents: The table.
    """
    from rag_embed.stores.snapshot import among
    from rag_embed.stores.tables import narrow

    known = set(narrow(documents.search().select(["id"]))["id"].to_pylist())
    there = set(narrow(chunks.search().select(["doc_id"]))["doc_id"].to_pylist())
    if not (gone := sorted(there - known)):
        return 0
    return int(chunks.delete(among(gone, "doc_id")).num_deleted_rows)
