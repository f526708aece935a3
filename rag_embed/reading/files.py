"""`read`: files and whole folders, each file by the reader of its kind."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from rag_embed.errors import BadInput, MissingExtra
from rag_embed.reading.base import Reader
from rag_embed.reading.html import read_html
from rag_embed.reading.jsonl import read_jsonl
from rag_embed.reading.pdf import read_pdf
from rag_embed.reading.text import LANGUAGES, code_reader, read_markdown, read_plain
from rag_embed.types import Document, Skipped

_READERS: dict[str, Reader] = {
    **{suffix: code_reader(language) for suffix, language in LANGUAGES.items()},
    **dict.fromkeys((".txt", ".text", ".log", ".rst"), read_plain),
    **dict.fromkeys((".md", ".markdown", ".mdx"), read_markdown),
    **dict.fromkeys((".html", ".htm", ".xhtml"), read_html),
    **dict.fromkeys((".jsonl", ".ndjson"), read_jsonl),
    ".pdf": read_pdf,
}
_NAMES: dict[str, Reader] = {
    **dict.fromkeys(("readme", "license", "changelog", "copying", "notice", "authors"), read_plain),
    "makefile": code_reader("makefile"),
    "dockerfile": code_reader("dockerfile"),
}
_OTHERS_WORK = frozenset({"__pycache__", "node_modules", "site-packages"})


def read(
    path: str | os.PathLike[str], *, patterns: Sequence[str] | None = None
) -> Iterator[Document | Skipped]:
    """Documents of a file or of all files below a folder, in the order of their names.

    A document's id and ``metadata["path"]`` are its path below the folder, with ``/`` (for a record
    of a JSON-lines file the id is the record's); its title is its first heading, its ``<title>`` or
    the file's name. ``metadata["format"]`` is ``"text"``, ``"markdown"``, ``"html"``, ``"pdf"`` or
    ``"code"``. Whatever is not read comes as a `Skipped` in its place: broken and unreadable files,
    files without text, unknown kinds, links to folders, and, by rule, hidden files and folders,
    virtual environments and ``node_modules``.

    Args:
        path: A file or folder.
        patterns: Only files whose path below the folder, or name, matches one of these shell
            patterns, for example ``["docs/**/*.md", "*.txt"]``; others are left out without notice.
            A file of unknown kind that a pattern names, or that ``path`` is, is read as plain text.

    Raises:
        BadInput: There is nothing at ``path``, or ``patterns`` is a single string.
    """
    root = _checked(path, patterns)
    default = None if patterns is None and root.is_dir() else read_plain
    return _read(root, patterns, default)


def paths(
    sources: Iterable[str | os.PathLike[str]], *, patterns: Sequence[str] | None = None
) -> Iterator[Path]:
    """The files that `read` looks into for each of the sources, in its order; none is opened.

    Raises:
        BadInput: There is nothing at one of the sources, or ``patterns`` is a single string.
    """
    for root in [_checked(source, patterns) for source in sources]:
        for found in _walk(root, patterns):
            if not isinstance(found, Skipped):
                yield found[0]


def _checked(path: str | os.PathLike[str], patterns: Sequence[str] | None) -> Path:
    root = Path(path)
    if not os.path.lexists(root):
        raise BadInput(f"There is no file or folder {str(root)!r}; check the path.")
    if isinstance(patterns, str):
        raise BadInput(f"patterns must be a list of strings, got {patterns!r}; use [{patterns!r}].")
    return root


def _read(
    root: Path, patterns: Sequence[str] | None, default: Reader | None
) -> Iterator[Document | Skipped]:
    for found in _walk(root, patterns):
        if isinstance(found, Skipped):
            yield found
        else:
            yield from _file(*found, default)


def _walk(root: Path, patterns: Sequence[str] | None) -> Iterator[tuple[Path, str] | Skipped]:
    """Files with their names below ``root``, and what is left out by rule."""
    if not root.is_dir():
        yield root, root.name
        return
    waiting = [(root, "")]
    while waiting:
        path, name = waiting.pop()
        folder = path.is_dir()
        if name and not folder and patterns is not None and not _matches(name, patterns):
            continue
        reason = _excluded(path) if name else None
        inside = _listed(path, name) if folder and reason is None else []
        if reason is not None:
            yield Skipped(name, reason)
        elif isinstance(inside, Skipped):
            yield inside
        elif folder:
            waiting.extend(inside)
        else:
            yield path, name


def _listed(path: Path, name: str) -> list[tuple[Path, str]] | Skipped:
    """What is in a folder, last name first."""
    try:
        names = sorted(os.listdir(path), reverse=True)
    except OSError as error:
        return Skipped(name or ".", f"cannot be listed: {error.strerror}")
    return [(path / inner, f"{name}/{inner}" if name else inner) for inner in names]


def _excluded(path: Path) -> str | None:
    if path.name.startswith("."):
        return "hidden"
    if not path.is_dir():
        return None
    if path.is_symlink():
        return "link to a folder, not followed; read that folder on its own"
    if path.name in _OTHERS_WORK:
        return "holds installed or generated files"
    return "virtual environment" if (path / "pyvenv.cfg").exists() else None


def _matches(name: str, patterns: Sequence[str]) -> bool:
    """Against the path and the file name; ``**/`` also stands for no folder at all."""
    own = name.rpartition("/")[2]
    return any(
        fnmatchcase(name, form) or fnmatchcase(own, form)
        for pattern in patterns
        for form in (pattern, pattern.replace("**/", ""))
    )


def _file(path: Path, name: str, default: Reader | None) -> Iterator[Document | Skipped]:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        shown = os.fsencode(name).decode("utf-8", "backslashreplace")
        yield Skipped(shown, "its name is not valid UTF-8; rename it")
        return
    reader = _READERS.get(path.suffix.lower()) or _NAMES.get(path.name.lower()) or default
    if not path.is_file():
        yield Skipped(name, "dead link" if path.is_symlink() else "not a regular file")
    elif reader is None:
        kind = path.suffix or "no suffix"
        yield Skipped(
            name, f"unknown kind of file ({kind}); name it in patterns to read it as text"
        )
    else:
        try:
            yield from reader(path, name)
        except OSError as error:
            yield Skipped(name, f"cannot be read: {error.strerror or error}")
        except MissingExtra as error:
            yield Skipped(name, str(error))
