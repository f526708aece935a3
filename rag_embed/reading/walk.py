"""Which files there are below a folder, and which are left out by rule; none is opened."""

from __future__ import annotations

import os
from collections.abc import Container, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from rag_embed.paths import absolute
from rag_embed.text import shown
from rag_embed.types import Skipped

_OTHERS_WORK = frozenset({"__pycache__", "node_modules", "site-packages"})


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
    patterns: Sequence[str] | None = None,
    without: Container[Path] = (),
) -> Iterator[tuple[Path, str] | Skipped]:
    """Files in the order of their names, and what is left out by rule.

    Args:
        top: A file or folder.
        name: The name of ``top``; the names of what lies below begin with it.
        patterns: See `read`.
        without: Folders that are left out without notice.
    """
    if not top.is_dir():
        yield top, name
        return
    waiting = [(top, "")]
    while waiting:
        path, below = waiting.pop()
        folder = path.is_dir()
        if path in without:
            continue
        if below and not folder and patterns is not None and not _matches(below, patterns):
            continue
        full = f"{name}/{below}" if name and below else name or below
        reason = _excluded(path) if below else None
        inside = _listed(path, below, full) if folder and reason is None else []
        if reason is not None:
            yield Skipped(shown(full), reason)
        elif isinstance(inside, Skipped):
            yield inside
        elif folder:
            waiting.extend(inside)
        else:
            yield path, full


def is_index(path: Path) -> bool:
    """Whether a folder is an index of rag_embed: its files are no documents."""
    return (path / "chunks.lance").is_dir() and (path / "documents.lance").is_dir()


def _listed(path: Path, below: str, full: str) -> list[tuple[Path, str]] | Skipped:
    """What is in a folder, last name first."""
    try:
        names = sorted(os.listdir(path), reverse=True)
    except OSError as error:
        return Skipped(shown(full) or ".", f"cannot be listed: {error.strerror}")
    return [(path / inner, f"{below}/{inner}" if below else inner) for inner in names]


def _excluded(path: Path) -> str | None:
    if path.name.startswith("."):
        return "hidden"
    if not path.is_dir():
        return None
    if path.is_symlink():
        return "link to a folder, not followed; read that folder on its own"
    if path.name in _OTHERS_WORK:
        return "holds installed or generated files"
    if is_index(path):
        return "an index of rag_embed"
    return "virtual environment" if (path / "pyvenv.cfg").exists() else None


def _matches(below: str, patterns: Sequence[str]) -> bool:
    """Against the path and the file name; ``**/`` also stands for no folder at all."""
    own = below.rpartition("/")[2]
    return any(
        fnmatchcase(below, form) or fnmatchcase(own, form)
        for pattern in patterns
        for form in (pattern, pattern.replace("**/", ""))
    )
