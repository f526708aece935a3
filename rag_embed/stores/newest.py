"""The latest version of a table, told apart from those of another that was made or copied into its place."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, NamedTuple

from rag_embed.stores.manifests import version_of

_MANIFEST = re.compile(r"\d{20}\.manifest")
"""The name of a version's file: 2^64 - 1 less its number, so that the latest is the first by name."""


class Newest(NamedTuple):
    """The file of a table's latest version.

    The number and the time of the file tell the versions of a table apart from those of one that was
    made in its place.
    """

    path: str
    number: int
    time: int

    @property
    def version(self) -> int:
        """Its number among the versions."""
        return version_of(Path(self.path))


def newest(table: str) -> Newest:
    """The latest version of a table in a folder.

    LanceDB writes its file under a passing name and renames it, which is the commit.

    Args:
        table: Its folder.

    Raises:
        FileNotFoundError: It holds no version.
    """
    folder = os.path.join(table, "_versions")
    names = filter(_MANIFEST.fullmatch, os.listdir(folder))
    if (name := min(names, default=None)) is None:
        raise FileNotFoundError(f"Not found: a version of the table in {folder}")
    file = os.stat(path := os.path.join(folder, name))
    return Newest(path, file.st_ino, file.st_mtime_ns)


def stamp(table: Any, alone: bool) -> Newest | int:  # noqa: ANN401
    """What differs when a table was written since.

    Args:
        table: LanceDB's handle.
        alone: Whether it is in a folder; on an object store only the number of its version is known.

    Raises:
        FileNotFoundError: It holds no version.
    """
    return newest(str(table.uri)) if alone else int(table.version)
