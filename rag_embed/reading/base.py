"""What all readers share: decoding and the check that a document has text."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

from rag_embed.types import Document, Skipped

_BOMS = (  # UTF-32 before UTF-16: its mark starts with the same bytes
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SNIFFED = 8192
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_NEWLINES = re.compile(r"\r\n?")

Reader: TypeAlias = Callable[[Path, str], Iterator[Document | Skipped]]
"""Reads one file, given its path and its name: the path below the folder that is read."""


def decode(raw: bytes, declared: str | None = None) -> tuple[str, str] | None:
    r"""Text and the encoding it was read with; None for bytes that are no text.

    A byte order mark decides, then ``declared`` where it fits, then UTF-8, then Windows-1252, then
    Latin-1. Line ends become ``"\n"``. Bytes with a NUL and no byte order mark are no text.

    Examples:
        >>> decode(b"caf\xc3\xa9\r\n"), decode(b"caf\xe9"), decode(b"\x00\x01")
        (('café\n', 'utf-8'), ('café', 'cp1252'), None)
    """
    for mark, encoding in _BOMS:
        if raw.startswith(mark):
            text = _decoded(raw[len(mark) :], encoding)
            return None if text is None else (text, encoding)
    if b"\0" in raw[:_SNIFFED]:
        return None
    for encoding in (declared or "utf-8", "utf-8", "cp1252", "latin-1"):
        text = _decoded(raw, encoding)
        if text is not None:
            return text, encoding
    return None


def is_utf8(start: bytes, whole: bool = False) -> bool:
    r"""Whether the first bytes of a file are those of an UTF-8 text without control characters.

    Args:
        start: The bytes.
        whole: Whether they are all there are, so that no character may be cut off.

    Examples:
        >>> is_utf8("café".encode()[:-1]), is_utf8(b"\x89PNG"), is_utf8(b"a\x00b")
        (True, False, False)
    """
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(start, final=whole)
    except UnicodeDecodeError:
        return False
    return not _CONTROL.search(text)


def _decoded(raw: bytes, encoding: str) -> str | None:
    try:
        text = raw.decode(encoding)
        text.encode("utf-8")  # some codecs let half a surrogate pair through
    except (UnicodeError, LookupError):
        return None
    return _NEWLINES.sub("\n", text)


def read_text(path: Path, name: str, declared: str | None = None) -> tuple[str, str] | Skipped:
    """`decode` a file, or say why not."""
    decoded = decode(path.read_bytes(), declared)
    return Skipped(name, "binary, or damaged text") if decoded is None else decoded


def made(
    path: Path, name: str, text: str, title: str, encoding: str, **metadata: object
) -> Document | Skipped:
    """The document of a file; its title falls back to the file's name.

    The encoding is noted in the metadata when it is not UTF-8: it may be a guess.
    """
    if not text.strip():
        return Skipped(name, "no text", by_rule=True)
    if encoding != "utf-8":
        metadata["encoding"] = encoding
    return Document(name, text, title=title or path.stem, metadata={"path": name, **metadata})
