"""Bytes by name in memory: what other places for files are tested against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from threading import Lock

from rag_embed.processes import PerProcess
from rag_embed.stores.checks import check_files


class MemoryFiles:
    """A `protocols.Files` that forgets everything when the process ends.

    Examples:
        >>> files = MemoryFiles()
        >>> files.put({"notes/a": b"one", "notes/b": b"two"})
        >>> files.names("notes/"), files.get(["notes/b", "notes/c"])
        (['notes/a', 'notes/b'], {'notes/b': b'two'})
    """

    def __init__(self) -> None:
        self._files: dict[str, bytes] = {}
        self._turn = PerProcess(Lock)

    def names(self, under: str = "", /) -> list[str]:
        """See `protocols.Files`."""
        return sorted(name for name in self._files if name.startswith(under))

    def get(self, names: Sequence[str], /) -> dict[str, bytes]:
        """See `protocols.Files`."""
        files = self._files
        return {name: files[name] for name in names if name in files}

    def put(self, files: Mapping[str, bytes], /) -> None:
        """See `protocols.Files`."""
        check_files(files)
        with self._turn.get():
            self._files = {**self._files, **files}

    def remove(self, names: Sequence[str], /) -> int:
        """See `protocols.Files`."""
        unwanted = set(names)
        with self._turn.get():
            left = {name: one for name, one in self._files.items() if name not in unwanted}
            gone = len(self._files) - len(left)
            self._files = left
        return gone
