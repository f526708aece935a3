"""`read`: files and whole folders, each file by the reader of its kind."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from rag_embed.errors import BadInput, MissingExtra
from rag_embed.paths import foreign, from_home, is_index
from rag_embed.reading.base import Reader
from rag_embed.reading.html import read_html
from rag_embed.reading.jsonl import read_jsonl
from rag_embed.reading.manual import SUFFIXES, is_manual, read_manual
from rag_embed.reading.markdown import MARKDOWN
from rag_embed.reading.notebook import read_notebook
from rag_embed.reading.office import KINDS, read_office
from rag_embed.reading.pdf import read_pdf
from rag_embed.reading.rows import read_rows
from rag_embed.reading.selection import Selection
from rag_embed.reading.subtitles import read_subtitles
from rag_embed.reading.text import (
    LANGUAGES,
    code_reader,
    light_reader,
    read_if_text,
    read_markdown,
    read_plain,
)
from rag_embed.reading.unread import UNREAD
from rag_embed.reading.walk import MOVE, first_name, walk
from rag_embed.text import shown, unusable
from rag_embed.types import EVERYBODY, Audience, Document, Skipped

_READERS: dict[str, Reader] = {
    **{suffix: code_reader(language) for suffix, language in LANGUAGES.items()},
    **dict.fromkeys((".txt", ".text", ".log"), read_plain),
    **dict.fromkeys((".rst", ".rest"), light_reader("rst")),
    **dict.fromkeys((".adoc", ".asciidoc"), light_reader("asciidoc")),
    **dict.fromkeys((".tex", ".latex"), light_reader("tex")),
    ".org": light_reader("org"),
    **dict.fromkeys(MARKDOWN, read_markdown),
    **dict.fromkeys((".html", ".htm", ".xhtml"), read_html),
    **dict.fromkeys((".jsonl", ".ndjson"), read_jsonl),
    **dict.fromkeys((".csv", ".tsv"), read_rows),
    **dict.fromkeys((".srt", ".vtt"), read_subtitles),
    **dict.fromkeys(KINDS, read_office),
    **dict.fromkeys(SUFFIXES, read_manual),
    **UNREAD,
    ".ipynb": read_notebook,
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
    include: Sequence[str] | None = None,
    exclude: Sequence[str] | None = None,
    ignore_files: bool = True,
    name: str | None = None,
) -> Iterator[Document | Skipped]:
    """Documents of a file or of all files below a folder, in the order of their names.

    A document's id and ``metadata["path"]`` are the name of the folder and the path below it, with
    ``/`` (for a record of a JSON-lines file the id is the record's); its title is its first heading,
    its ``<title>`` or the file's name. ``metadata["format"]`` is ``"text"``, ``"markdown"``,
    ``"html"``, ``"pdf"``, ``"code"``, ``"rows"``, ``"notebook"``, ``"rst"``, ``"asciidoc"``, ``"org"``,
    ``"tex"``, ``"man"``, or the suffix of an office file, a book or a mail. What has pages, slides, sheets
    or cells has ``page_starts``, from which a chunk gets its ``page``. A file of unknown kind that is UTF-8
    text is read as plain text.

    Whatever is not read comes as a `Skipped` in its place: broken and unreadable files, files without
    text, unknown kinds, and, by rule, what is hidden or ignored, indexes, virtual environments,
    ``node_modules`` and its like, lists of pinned versions, minified files, keys, links to folders and
    out of the folder. A path that is given is read whatever the rules say.

    Args:
        path: A file or folder.
        include: Only files below the folder that match one of these patterns, for example
            ``["docs/**/*.md", "*.txt", "!draft.*"]``, as ``.gitignore`` writes them; others are left out
            without notice. A file of unknown kind that is included, or that ``path`` is, is read as
            plain text in any encoding.
        exclude: Files and folders that match one of these patterns are left out without notice.
        ignore_files: Whether what ``.gitignore`` and ``.ignore`` name is left out by rule, those of the
            repository around the folder too.
        name: First part of the ids; the name of the folder, or of that around a file, by default;
            empty for none.

    Raises:
        BadInput: There is nothing at ``path``, it is an index, or a pattern is none.
    """
    chosen = Selection.of(include, exclude, ignore_files)
    top = checked(path)
    folder = top.is_dir()
    if name is None:
        name = first_name(top if folder else top.parent)
    if not folder:
        name = f"{name}/{top.name}" if name else top.name
    return _read(top, name, chosen)


def paths(
    sources: Iterable[str | os.PathLike[str]],
    *,
    include: Sequence[str] | None = None,
    exclude: Sequence[str] | None = None,
    ignore_files: bool = True,
) -> Iterator[Path]:
    """The files that `read` looks into for each of the sources, in its order; none is opened.

    Raises:
        BadInput: There is nothing at one of the sources, or a pattern is none.
    """
    chosen = Selection.of(include, exclude, ignore_files)
    for top in [checked(source) for source in sources]:
        for found in walk(top, "", chosen):
            if not isinstance(found, Skipped):
                yield found[0]


def checked(path: str | os.PathLike[str]) -> Path:
    """A path that can be read.

    Raises:
        BadInput: There is nothing, or it is an index.
    """
    top = Path(from_home(path))
    if not os.path.lexists(top):
        raise BadInput(f"There is no file or folder {str(top)!r}; check the path.")
    if is_index(top):
        others = f" Besides it holds {found}: {MOVE}." if (found := foreign(top)) else ""
        raise BadInput(f"{str(top)!r} is an index, not a folder of documents.{others}")
    return top


def _read(top: Path, name: str, chosen: Selection) -> Iterator[Document | Skipped]:
    named = chosen.named or not top.is_dir()
    for found in walk(top, name, chosen):
        if isinstance(found, Skipped):
            yield found
        else:
            yield from read_file(*found, named=named)


def holds_many(path: Path) -> bool:
    """Whether a file may hold more than one document."""
    return _READERS.get(path.suffix.lower()) is read_jsonl


def read_file(
    path: Path, name: str, *, named: bool, whose: Audience = EVERYBODY
) -> Iterator[Document | Skipped]:
    """Documents of one file.

    Args:
        path: Where it is.
        name: Its name in ids and metadata.
        named: Whether the caller named it, so that one of unknown kind is read as plain text.
        whose: For whom the caller takes documents whose file does not say so; see `read_jsonl`.
    """
    if (found := unusable(name)) is not None:
        yield Skipped(shown(name), f"its name holds {found!a}; rename it")
        return
    reader = _READERS.get(path.suffix.lower()) or _NAMES.get(path.name.lower())
    if reader is None or (reader is read_manual and not is_manual(path)):
        reader = read_plain if named else read_if_text
    if reader is read_jsonl:
        reader = partial(read_jsonl, whose=whose)
    if not path.is_file():
        yield Skipped(name, "dead link" if path.is_symlink() else "not a regular file")
    else:
        try:
            yield from reader(path, name)
        except OSError as error:
            yield Skipped(name, f"cannot be read: {error.strerror or error}")
        except MemoryError:
            yield Skipped(name, "takes more memory than there is; split the file")
        except MissingExtra as error:
            yield Skipped(name, str(error))
