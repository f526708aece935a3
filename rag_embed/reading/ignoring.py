"""``.gitignore`` and ``.ignore``: what a repository says is none of its own.

The patterns of a folder count for all below it, those of a deeper folder before those of one above, and
``.ignore`` before ``.gitignore``, as git and ripgrep have it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from pathspec import GitIgnoreSpec
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

_FILES = (".git/info/exclude", ".gitignore", ".ignore")


@dataclass(frozen=True, slots=True)
class Level:
    """The patterns of one file.

    Attributes:
        folder: The absolute path of the folder that they count for.
        file: The file's name.
        spec: The patterns.
    """

    folder: str
    file: str
    spec: GitIgnoreSpec


Levels: TypeAlias = tuple[Level, ...]
"""From the outermost folder in; later ones decide."""


def levels_of(folder: str) -> Levels:
    """What the ignore files in one folder say.

    Raises:
        OSError: One is there and cannot be read.
    """
    found = []
    for file in _FILES:
        try:
            lines = Path(folder, file).read_bytes().decode("utf-8", "replace").splitlines()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            continue
        spec = GitIgnoreSpec([pattern for line in lines for pattern in _patterns(line)])
        found.append(Level(folder, file, spec))
    return tuple(found)


def levels_above(top: str) -> Levels:
    """What the folders around a folder say of what is in it, up to the root of the repository.

    Nothing where they ignore the folder itself: whoever reads it wants it.

    Raises:
        OSError: An ignore file is there and cannot be read.
    """
    above = []
    folder = top
    while not os.path.exists(os.path.join(folder, ".git")):
        folder, below = os.path.dirname(folder), folder
        if folder == below:
            return ()
        above.append(folder)
    levels = tuple(level for folder in reversed(above) for level in levels_of(folder))
    parts = [top, *above[:-1]]
    return () if any(ignored(part, True, levels) for part in parts) else levels


def ignored(path: str, folder: bool, levels: Sequence[Level]) -> str | None:
    """The name of the file that says that a path is ignored; None for one that is not.

    Args:
        path: The absolute path of a file or folder.
        folder: Whether it is a folder.
        levels: What holds there.
    """
    for level in reversed(levels):
        if not path.startswith(f"{level.folder.rstrip('/')}/"):
            continue
        below = path[len(level.folder.rstrip("/")) + 1 :]
        said = level.spec.check_file(f"{below}/" if folder else below).include
        if said is not None:
            return level.file if said else None
    return None


def _patterns(line: str) -> list[GitIgnoreSpecPattern]:
    """The pattern of a line; none for one that is no pattern, which git passes over too."""
    try:
        return list(GitIgnoreSpec.from_lines([line]).patterns)
    except ValueError:
        return []
