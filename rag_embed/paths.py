"""Where a path leads, said once and for good; and whether a folder is an index, or holds other files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from rag_embed.errors import BadInput, class_of

_OWN = frozenset({"encoder.json", "router.json", "router.safetensors"})
_OF_SYSTEMS = frozenset({"Thumbs.db", "desktop.ini", "lost+found"})
_OWN_KINDS = (".lance", ".lock", ".holder")
_MOST = 1000
"""Foreign files that are counted."""


def absolute(path: str | os.PathLike[str]) -> str:
    """The whole path, which a later change of the working folder does not move; ``~`` is the home folder.

    Args:
        path: A file or folder, which need not be there.

    Raises:
        BadInput: It is no path, or holds a null character, which no system has in a name.

    Examples:
        >>> absolute("/data/./kb/")
        '/data/kb'
    """
    return os.path.abspath(from_home(path))


def from_home(path: str | os.PathLike[str]) -> str:
    """A path with the home folder in place of ``~``; one from the working folder stays so.

    Raises:
        BadInput: It is no path, or holds a null character.
    """
    if not isinstance(path, str | os.PathLike):
        raise BadInput(f"Expected the path of a file or folder, got {class_of(path)}.")
    if "\0" in (text := os.fspath(path)):
        raise BadInput(f"No file or folder has a null character in its name, got {text!r}.")
    return os.path.expanduser(text)


def is_index(path: Path) -> bool:
    """Whether a folder is an index of rag_embed: its files are no documents."""
    return (path / "chunks.lance").is_dir() and (path / "documents.lance").is_dir()


def foreign(folder: Path) -> str:
    """How many files in a folder are no index's, in words with an example; empty where there are none.

    Hidden files and folders do not count, nor what systems leave, nor what is left of the making of an index
    that was interrupted.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "notes.md").write_text("text")
        ...     _ = Path(folder, ".DS_Store").write_text("")
        ...     foreign(Path(folder))
        "1 file, such as 'notes.md'"
    """
    found = list(islice(_foreign(folder), _MOST + 1))
    if not found:
        return ""
    count = f"more than {_MOST}" if len(found) > _MOST else f"{len(found)}"
    return f"{count} file{'s' if len(found) > 1 else ''}, such as {found[0]!r}"


def _foreign(top: Path) -> Iterator[str]:
    for path, folders, files in os.walk(top):
        inside = (one for one in sorted(folders) if not _own(one))
        folders[:] = [one for one in inside if not is_index(Path(path, one))]
        for one in sorted(files):
            if not _own(one):
                yield os.path.relpath(os.path.join(path, one), top)


def _own(name: str) -> bool:
    return name.startswith(".") or name in _OWN | _OF_SYSTEMS or name.endswith(_OWN_KINDS)
