"""Damage of an index in a folder: which file it is, what is wrong with it, and what that costs.

Looked at are the manifest of each table's latest version, the files that it names with their sizes, and the
checksums of all files that are written once (`sums`): data, deletions, search indexes, transactions, and
manifests, also of versions before. Every flipped byte in a file that has its checksum is found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from rag_embed.errors import StoreError
from rag_embed.stores.manifests import Manifest, manifests, missing, read_manifest
from rag_embed.stores.places import local, place
from rag_embed.stores.store_errors import explained
from rag_embed.stores.sums import Sum, differing, read_sums
from rag_embed.stores.tables import TABLES

SMALL = 2**22
"""Bytes of a table that are compared when an index is opened."""

Part: TypeAlias = Literal["version", "rows", "search index", "older"]

_ROWS = {
    "chunks": "chunks with their vectors, tokens and words; --repair computes them again from the stored text",
    "documents": "texts of documents, which nothing else holds: restore the folder from a copy, or add them "
    "again from where they came",
    "settings": "what the index remembers of its model and spaces: restore the folder from a copy",
    "files": "the router, and adapters of experts: restore the folder from a copy, or fit and add them again",
    "events": "histories of some users: restore the folder from a copy",
}
_COSTS: dict[Part, str] = {
    "version": "what was written last; --repair goes back to the last whole version",
    "search index": "nothing; --repair builds it again",
    "older": "nothing: only an older version needs it, and upkeep drops it",
}


@dataclass(frozen=True, slots=True)
class Damage:
    """A file that is not what was written.

    Attributes:
        file: Below the folder of the index.
        table: Of the table that it belongs to.
        part: What it holds.
        what: What is wrong with it.
    """

    file: str
    table: str
    part: Part
    what: str

    @property
    def costs(self) -> str:
        """What is lost, and how one has it again."""
        return _COSTS.get(self.part) or _ROWS[self.table.partition("_")[0]]

    def __str__(self) -> str:
        return f"{self.file} {self.what}. It costs {self.costs}."


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found in an index.

    Attributes:
        damages: Files that are not what was written.
        files: How many were compared with their checksums.
        unknown: Files of latest versions without one: of a writer that died, or of an earlier rag_embed.
    """

    damages: tuple[Damage, ...]
    files: int
    unknown: tuple[str, ...]


def inspected(path: str) -> Inspection:
    """Look for damage; all files are read.

    Args:
        path: Folder of the index.

    Raises:
        StoreError: It is no folder, or cannot be read.
    """
    folder = local(place(path))
    if folder is None or not folder.is_dir():
        raise StoreError(f"{path!r} is no folder; checksums are kept of an index in a folder.")
    found: list[Damage] = []
    files, unknown = 0, list[str]()
    with explained("inspect the index", path):
        for name in TABLES:
            if not (folder / f"{name}.lance").is_dir():
                found.append(Damage(f"{name}.lance", name, "rows", "is missing"))
        for table in sorted(folder.glob("*.lance")):
            if table.stem.partition("_")[0] in _ROWS:
                latest, known = _latest(table), read_sums(table).known
                if not known and not manifests(table) and table.stem not in TABLES:
                    continue  # its making was interrupted; it never held anything
                found += _damages(table, latest, known)
                files += len(known)
                unknown += [f"{table.name}/{one}" for one in _named(latest) if one not in known]
    return Inspection(tuple(found), files, tuple(unknown))


def small_ones(uri: str) -> list[Damage]:
    """Damage of settings and files, which cost a millisecond to compare: whenever an index is opened.

    Args:
        uri: Of the index; see `places.place`.
    """
    if (folder := local(uri)) is None:
        return []
    found = []
    for table in (folder / "settings.lance", folder / "files.lance"):
        latest = _latest(table)
        if isinstance(latest, str) or missing(latest):
            continue  # LanceDB tells of it
        if sum(file.size or 0 for file in latest.files) > SMALL:
            continue
        for file in differing(table, _named(latest)):
            what = "has other bytes than were written"
            found.append(Damage(f"{table.name}/{file}", table.stem, _part(file), what))
    return found


def _damages(table: Path, latest: Manifest | str, known: Mapping[str, Sum]) -> Iterator[Damage]:
    wrong: dict[str, str] = {}
    if isinstance(latest, str):
        paths = manifests(table)
        file = f"_versions/{paths[0].name}" if paths else ""
        part: Part = "version" if len(paths) > 1 else "rows"
        yield Damage(f"{table.name}/{file}", table.stem, part, latest)
        wrong[file] = latest
    else:
        for told in missing(latest):
            file, _, what = told.partition(" ")
            wrong[file] = what
            yield Damage(f"{table.name}/{file}", table.stem, _part(file), what)
    named = set(_named(latest))
    for file in differing(table, known.keys() - wrong.keys()):
        part = _part(file) if file in named else "older"
        yield Damage(f"{table.name}/{file}", table.stem, part, "has other bytes than were written")


def _latest(table: Path) -> Manifest | str:
    """The latest version, or what is wrong with it."""
    if not (paths := manifests(table)):
        return "holds no version of the table"
    try:
        return read_manifest(paths[0])
    except StoreError as error:
        return str(error).partition(" is damaged")[2] and "is damaged"
    except OSError as error:
        return f"cannot be read ({error.strerror})"


def _named(latest: Manifest | str) -> list[str]:
    """The files of a version, its own among them."""
    if isinstance(latest, str):
        return []
    return [f"_versions/{latest.path.name}", *(file.path for file in latest.files)]


def _part(file: str) -> Part:
    if file.startswith("_versions/"):
        return "version"
    return "search index" if file.startswith("_indices/") else "rows"
