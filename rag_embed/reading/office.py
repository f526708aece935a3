"""Office files, books and mail, by kreuzberg (extra ``office``): what they say becomes Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from rag_embed.errors import MissingExtra
from rag_embed.reading.base import made
from rag_embed.reading.decoding import Decoded
from rag_embed.reading.pages import paged
from rag_embed.reading.titles import first_heading, usable
from rag_embed.types import Document, Skipped

KINDS = {
    ".doc": "page",
    ".docx": "page",
    ".eml": "",
    ".epub": "",
    ".msg": "",
    ".odp": "slide",
    ".ods": "sheet",
    ".odt": "page",
    ".ppt": "slide",
    ".pptx": "slide",
    ".rtf": "",
    ".xls": "sheet",
    ".xlsx": "sheet",
}
"""Suffix -> what its parts are called; empty where it has none."""

_MARK = "ragembedpart"
_MARKED = re.compile(r"\s*ragembedpart(\d+)\s*")
_IMAGE = re.compile(r"!\[[^\]\n]{0,500}\]\([^)\n]{0,2000}\)")


def read_office(path: Path, name: str) -> Iterator[Document | Skipped]:
    """Headings, paragraphs, lists and tables as Markdown; ``format`` is the suffix without its dot.

    A chunk has its ``page``: the slide or sheet it comes from, or the page where the file says where pages
    end, as Word does for breaks that were set by hand.

    Raises:
        MissingExtra: kreuzberg is not installed.
    """
    try:
        import kreuzberg
    except ImportError as error:
        raise MissingExtra("kreuzberg", "office", "Reading office files, books and mail") from error
    kind = path.suffix.lower()
    raw = path.read_bytes()
    try:
        found = _extracted(raw, kreuzberg.detect_mime_type_from_path(path), "markdown")
        parts = _parts(found)
        if KINDS[kind] == "slide":
            notes = _notes(_extracted(raw, found.mime_type, "plain").content)
            parts = [f"{part}\n\n{notes.get(nth, '')}".strip() for nth, part in enumerate(parts, 1)]
    except Exception as error:  # the parser raises whatever a broken file leads it to
        if isinstance(error, OSError | MemoryError):
            raise
        yield Skipped(name, f"broken or encrypted ({kind})")
        return
    data: dict[str, Any] = dict(found.metadata or {})
    title = usable(str(data.get("title") or data.get("subject") or ""))
    texts = [_IMAGE.sub("", part).strip() for part in parts]
    title = title or ("" if KINDS[kind] == "sheet" else first_heading("\n\n".join(texts)))
    if len(parts) > 1 or KINDS[kind] in ("slide", "sheet"):
        yield paged(path, name, texts, title, kind=KINDS[kind] or "page", format=kind[1:])
    else:
        yield made(path, name, Decoded("\n\n".join(texts), "utf-8"), title, format=kind[1:])


def _extracted(raw: bytes, mime: str, output: str) -> Any:  # noqa: ANN401 - kreuzberg's own
    import kreuzberg

    pages = kreuzberg.PageConfig(
        extract_pages=True, insert_page_markers=True, marker_format=f"\n\n{_MARK}{{page_num}}\n\n"
    )
    config = kreuzberg.ExtractionConfig(pages=pages, output_format=output)
    return kreuzberg.extract_bytes_sync(raw, mime, config=config)


def _parts(found: Any) -> list[str]:  # noqa: ANN401 - kreuzberg's own
    """The text of each page, slide or sheet, by what this kind of file offers to tell them apart."""
    text = str(found.content)
    slides = _MARKED.split(text)
    if len(slides) > 1:
        return slides[2::2]
    pages = [str(one["content"]) for one in found.pages or []]
    if any(pages):
        return pages
    starts, at = [], 0
    for sheet in (found.metadata or {}).get("sheet_names") or []:
        at = f"\n{text}".find(f"\n## {sheet}\n", at)
        if at < 0:
            return [text]
        starts.append(at)
    return [text[a:b] for a, b in pairwise([*starts, len(text)])] or [text]


def _notes(plain: str) -> dict[int, str]:
    """What is said to a slide, by its number; it is in the plain text alone."""
    slides = _MARKED.split(plain)
    return {
        int(number): text.rpartition("\n\nNotes:\n\n")[2].strip()
        for number, text in zip(slides[1::2], slides[2::2], strict=True)
        if "\n\nNotes:\n\n" in text
    }
