"""Which files there are below a folder, and which are left out by rule; none is opened."""

from __future__ import annotations

import os
from collections.abc import Container, Iterator
from pathlib import Path
from typing import NamedTuple

from rag_embed.paths import absolute, foreign, is_index
from rag_embed.reading.ignoring import Levels, ignored, levels_above, levels_of
from rag_embed.reading.selection import Selection
from rag_embed.text import shown
from rag_embed.types import Skipped

_OTHERS_WORK = frozenset({"__pycache__", "node_modules", "bower_components", "site-packages"})
_LOCKS = frozenset(
    {
        "Cargo.lock", "Gemfile.lock", "Pipfile.lock", "bun.lock", "composer.lock", "flake.lock",
        "go.sum", "mix.lock", "npm-shrinkwrap.json", "package-lock.json", "pdm.lock", "pixi.lock",
        "pnpm-lock.yaml", "poetry.lock", "uv.lock", "yarn.lock",
    }
)  # fmt: skip
_MADE = (".min.js", ".min.css", ".js.map", ".css.map", ".mjs.map")
_KEYS = (".pem", ".key", ".p12", ".pfx", ".jks", ".keystore", "id_rsa", "id_ecdsa", "id_ed25519")

_INDEX = "an index of rag_embed"
MOVE = "move what is no index's into a folder of its own"
"""What to do where an index and documents lie in one folder."""


class _Place(NamedTuple):
    """A file or folder that is to be looked at: where, its path below the top, and what ignores files there."""

    path: Path
    below: str
    levels: Levels


def first_name(path: Path) -> str:
    """What the names below a folder begin with: the folder's own name, and none for the root.

    Examples:
        >>> first_name(Path("/home/ann/handbook/."))
        'handbook'
    """
    return Path(absolute(path)).name


def walk(
    top: Path,
    name: str,
    chosen: Selection,
    without: Container[Path] = (),
) -> Iterator[tuple[Path, str] | Skipped]:
    """Files in the order of their names, and what is left out by rule.

    Args:
        top: A file or folder, which no rule leaves out.
        name: The name of ``top``; the names of what lies below begin with it.
        chosen: What is wanted; what is not is left out without notice.
        without: Folders that are left out without notice.
    """
    if not top.is_dir():
        yield top, name
        return
    real = os.path.realpath(top)
    waiting = [_Place(top, "", ())]
    while waiting:
        place = waiting.pop()
        path, below = place.path, place.below
        folder = path.is_dir()
        if path in without or (below and chosen.without(below, folder)):
            continue
        full = f"{name}/{below}" if name and below else name or below
        reason = _excluded(place, folder, real, absolute(top)) if below else None
        if reason == _INDEX and (others := foreign(path)):
            yield Skipped(shown(full), f"holds an index and {others}, not read; {MOVE}")
        elif reason is not None:
            yield Skipped(shown(full), reason, by_rule=True)
        elif folder:
            inside, problems = _listed(place, chosen, full, absolute(top))
            yield from problems
            waiting.extend(inside)
        else:
            yield path, full


def _listed(
    place: _Place, chosen: Selection, full: str, top: str
) -> tuple[list[_Place], list[Skipped]]:
    """What is in a folder, last name first."""
    path, below, levels = place
    problems = []
    if chosen.ignore_files:
        try:
            levels += () if below else levels_above(top)
            levels += levels_of(os.path.join(top, below) if below else top)
        except OSError as error:
            reason = f"its ignore file cannot be read: {error.strerror}; nothing was ignored by it"
            problems.append(Skipped(shown(full) or ".", reason, partly=True))
    try:
        names = sorted(os.listdir(path), reverse=True)
    except OSError as error:
        reason = f"cannot be listed: {error.strerror}"
        return [], [*problems, Skipped(shown(full) or ".", reason)]
    inside = [_Place(path / one, f"{below}/{one}" if below else one, levels) for one in names]
    return inside, problems


def _excluded(place: _Place, folder: bool, real: str, top: str) -> str | None:
    """Why a file or folder is left out by rule; None for one that is not."""
    path = place.path
    if path.name.startswith("."):
        return "hidden"
    if folder and path.is_symlink():
        return "link to a folder, not followed; read that folder on its own"
    if (file := ignored(f"{top}/{place.below}", folder, place.levels)) is not None:
        return f"ignored by {file}"
    return _folder(path) if folder else _file(path, real)


def _folder(path: Path) -> str | None:
    if path.name in _OTHERS_WORK or path.name.endswith(".egg-info"):
        return "holds installed or generated files"
    if is_index(path):
        return _INDEX
    return "virtual environment" if (path / "pyvenv.cfg").exists() else None


def _file(path: Path, real: str) -> str | None:
    if path.is_symlink() and path.exists() and not _within(os.path.realpath(path), real):
        return "link out of the folder, not followed; read that file on its own"
    if path.name in _LOCKS:
        return "list of pinned versions, written by a program"
    if path.name.endswith(_MADE):
        return "written by a program"
    return "may hold a secret key" if path.name.endswith(_KEYS) else None


def _within(path: str, folder: str) -> bool:
    return Path(path).is_relative_to(folder)
