"""Kinds of files that are known and hold no text as they are, each with what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from rag_embed.reading.base import Reader
from rag_embed.types import Document, Skipped

_ARCHIVES = "7z apk br bz2 cab cpio deb dmg egg gz iso jar lz lz4 lzma rar rpm tar tgz txz war whl xz z zip zst"
_PICTURES = "avif bmp gif heic heif ico jpeg jpg png psd tif tiff webp"
_RECORDINGS = "aac aiff avi flac m4a m4v mkv mov mp3 mp4 mpeg mpg oga ogg ogv opus wav webm wma wmv"

_KINDS = {
    _ARCHIVES: "archive ({}), which is not looked into: unpack it, and what is in it is read",
    _PICTURES: "picture ({}), which needs text recognition first",
    _RECORDINGS: "recording ({}): write down what it says, such as in subtitles (.srt, .vtt)",
}


def _unread(reason: str, path: Path, name: str) -> Iterator[Document | Skipped]:
    yield Skipped(name, reason)


UNREAD: dict[str, Reader] = {
    f".{kind}": partial(_unread, reason.format(f".{kind}"))
    for kinds, reason in _KINDS.items()
    for kind in kinds.split()
}
"""Suffix -> a reader that says what the file is, whatever it holds."""
