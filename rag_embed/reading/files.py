"""`read`: files and whole folders, each file by the reader of its kind."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from rag_embed.errors import BadInput, MissingExtra
from rag_embed.reading.base import Reader
from rag_embed.reading.html import read_html
from rag_embed.reading.jsonl import read_jsonl
from rag_embed.reading.pdf import read_pdf
from rag_embed.reading.text import LANGUAGES, code_reader, read_markdown, read_plain
from rag_embed.reading.walk import first_name, is_index, walk
from rag_embed.text import shown, unusable
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


def read(
    path: str | os.PathLike[str],
    *,
    patterns: Sequence[str] | None = None,
    name: str | None = None,
) -> Iterator[Document | Skipped]:
    """Documents of a file or of all files below a folder, in the order of their names.

    A document's id and ``metadata["path"]`` are the name of the folder and the path below it, with
    ``/`` (for a record of a JSON-lines file the id is the record's); its title is its first heading,
    its ``<title>`` or the file's name. ``metadata["format"]`` is ``"text"``, ``"markdown"``,
    ``"html"``, ``"pdf"`` or ``"code"``. Whatever is not read comes as a `Skipped` in its place: broken
    and unreadable files, files without text, unknown kinds, links to folders, and, by rule, hidden
    files and folders, indexes, virtual environments and ``node_modules``.

    Args:
        path: A file or folder.
        patterns: Only files whose path below the folder, or name, matches one of these shell
            patterns, for example ``["docs/**/*.md", "*.txt"]``; others are left out without notice.
            A file of unknown kind that a pattern names, or that ``path`` is, is read as plain text.
        name: First part of the ids; the name of the folder, or of that around a file, by default;
            empty for none.

    Raises:
        BadInput: There is nothing at ``path``, it is an index, or ``patterns`` is a single string.
    """
    top = checked(path, patterns)
    folder = top.is_dir()
    if name is None:
        name = first_name(top if folder else top.parent)
    if not folder:
        name = f"{name}/{top.name}" if name else top.name
    return _read(top, name, patterns)


def paths(
    sources: Iterable[str | os.PathLike[str]], *, patterns: Sequence[str] | None = None
) -> Iterator[Path]:
    """The files that `read` looks into for each of the sources, in its order; none is opened.

    Raises:
        BadInput: There is nothing at one of the sources, or ``patterns`` is a single string.
    """
    for top in [checked(source, patterns) for source in sources]:
        for found in walk(top, "", patterns):
            if not isinstance(found, Skipped):
                yield found[0]


def checked(path: str | os.PathLike[str], patterns: Sequence[str] | None) -> Path:
    """A path that can be read.

    Raises:
        BadInput: There is nothing, it is an index, or ``patterns`` is a single string.
    """
    top = Path(os.path.expanduser(path))
    if not os.path.lexists(top):
        raise BadInput(f"There is no file or folder {str(top)!r}; check the path.")
    if is_index(top):
        raise BadInput(f"{str(top)!r} is an index, not a folder of documents.")
    if isinstance(patterns, str):
        raise BadInput(f"patterns must be a list of strings, got {patterns!r}; use [{patterns!r}].")
    return top


def _read(top: Path, name: str, patterns: Sequence[str] | None) -> Iterator[Document | Skipped]:
    named = patterns is not None or not top.is_dir()
    for found in walk(top, name, patterns):
        if isinstance(found, Skipped):
            yield found
        else:
            yield from read_file(*found, named=named)


def holds_many(path: Path) -> bool:
    """Whether a file may hold more than one document."""
    return _READERS.get(path.suffix.lower()) is read_jsonl


def read_file(path: Path, name: str, *, named: bool) -> Iterator[Document | Skipped]:
    """Documents of one file.

    Args:
        path: Where it is.
        name: Its name in ids and metadata.
        named: Whether the caller named it, so that one of unknown kind is read as plain text.
    """
    if (found := unusable(name)) is not None:
        yield Skipped(shown(name), f"its name holds {found!a}; rename it")
        return
    reader = _READERS.get(path.suffix.lower()) or _NAMES.get(path.name.lower())
    if named:
        reader = reader or read_plain
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
