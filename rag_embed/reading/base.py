"""What all readers share: the text of a file, and the check that a document has some."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

from rag_embed.reading.decoding import Decoded, decode
from rag_embed.types import Document, Skipped

Reader: TypeAlias = Callable[[Path, str], Iterator[Document | Skipped]]
"""Reads one file, given its path and its name: the path below the folder that is read."""


def read_text(path: Path, name: str, declared: str | None = None) -> Decoded | Skipped:
    """`decode` a file, or say why not."""
    return decode(path.read_bytes(), declared) or Skipped(name, "binary, or damaged text")


def made(
    path: Path, name: str, found: Decoded, title: str = "", **metadata: object
) -> Document | Skipped:
    """The document of a file; its title falls back to the file's name.

    The encoding is noted in the metadata when it is not UTF-8, and whether it is a guess.
    """
    if not found.text.strip():
        return Skipped(name, "no text", by_rule=True)
    if found.encoding != "utf-8":
        metadata["encoding"] = found.encoding
    if found.guessed:
        metadata["encoding_guessed"] = True
    return Document(name, found.text, title=title or path.stem, metadata={"path": name, **metadata})
