"""Office files, books and mail, by kreuzberg (extra ``office``): what they say becomes Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

from rag_embed.errors import MissingExtra
from rag_embed.reading.apart import gathered
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

_Extraction: TypeAlias = tuple[str, list[str], dict[str, Any]]
"""Text, texts of the pages where the kind has them, and what the file says of itself."""

_MARK = "ragembedpart"
_MARKED = re.compile(r"\s*ragembedpart(\d+)\s*")
_SHEET = re.compile(r"^## ([^\n]+)$", re.MULTILINE)
_ESCAPED = re.compile(r"\\(?=[^\w\s])")
_IMAGE = re.compile(r"!\[[^\]\n]{0,500}\]\([^)\n]{0,2000}\)")


def read_office(path: Path, name: str) -> Iterator[Document | Skipped]:
    """Headings, paragraphs, lists and tables as Markdown; ``format`` is the suffix without its dot.

    A chunk has its ``page``: the slide or sheet it comes from, or the page where the file says where pages
    end, as Word does for breaks that were set by hand. Other than that, see `apart`: a file that takes too
    long or too much memory is reported.

    Raises:
        MissingExtra: kreuzberg is not installed.
    """
    if find_spec("kreuzberg") is None:
        raise MissingExtra("kreuzberg", "office", "Reading office files, books and mail")
    kind = path.suffix.lower()
    found, reason = gathered(extractions, path)
    if reason or not found:
        yield Skipped(name, reason or f"broken or encrypted ({kind})")
        return
    content, pages, data = found[0]
    attached = data.get("attachments")
    if isinstance(attached, list) and attached:
        reason = "what is attached to a mail is not read: save it beside the mail"
        yield Skipped(
            f"{name} ({', '.join(map(str, attached))})", reason, by_rule=True, partly=True
        )
    parts = _parts(content, pages, data)
    if len(found) > 1:
        notes = _notes(found[1][0])
        parts = [f"{part}\n\n{notes.get(nth, '')}".strip() for nth, part in enumerate(parts, 1)]
    title = usable(str(data.get("title") or data.get("subject") or ""))
    texts = [_IMAGE.sub("", part).strip() for part in parts]
    title = title or ("" if KINDS[kind] == "sheet" else first_heading("\n\n".join(texts)))
    if len(parts) > 1 or KINDS[kind] in ("slide", "sheet"):
        yield paged(path, name, texts, title, kind=KINDS[kind] or "page", format=kind[1:])
    else:
        yield made(path, name, Decoded("\n\n".join(texts), "utf-8"), title, format=kind[1:])


def extractions(path: str) -> Iterator[_Extraction]:
    """What kreuzberg says of a file: as Markdown, and for slides as plain text too; nothing of a broken one."""
    import kreuzberg

    raw = Path(path).read_bytes()
    mime = kreuzberg.detect_mime_type_from_path(path)
    pages = kreuzberg.PageConfig(
        extract_pages=True, insert_page_markers=True, marker_format=f"\n\n{_MARK}{{page_num}}\n\n"
    )
    slides = KINDS[Path(path).suffix.lower()] == "slide"
    for output in ("markdown", "plain") if slides else ("markdown",):
        config = kreuzberg.ExtractionConfig(pages=pages, output_format=output)
        try:
            found = kreuzberg.extract_bytes_sync(raw, mime, config=config)
        except Exception as error:  # the parser raises whatever a broken file leads it to
            if isinstance(error, OSError | MemoryError):
                raise
            return
        data = found.metadata or {}
        known = {
            name: data[name]
            for name in ("title", "subject", "sheet_names", "attachments")
            if name in data
        }
        yield found.content, [str(one["content"]) for one in found.pages or []], known


def _parts(text: str, pages: list[str], data: Mapping[str, Any]) -> list[str]:
    """The text of each page, slide or sheet, by what this kind of file offers to tell them apart."""
    slides = _MARKED.split(text)
    if len(slides) > 1:
        return slides[2::2]
    if any(pages):
        return pages
    return _sheets(text, data.get("sheet_names") or [])


def _sheets(text: str, names: Sequence[str]) -> list[str]:
    r"""The text of each sheet, which stands under its name; nothing of one without a cell.

    Examples:
        >>> _sheets("## A\n\n| x |\n\n## B \\& c\n\n| y |\n", ["A", "Sheet2", "B & c"])
        ['## A\n\n| x |\n\n', '', '## B \\& c\n\n| y |\n']
    """
    headings = [
        (_ESCAPED.sub("", found[1]).strip(), found.start()) for found in _SHEET.finditer(text)
    ]
    starts: dict[int, int] = {}
    nth = 0
    for number, name in enumerate(names):
        here = [at for at in range(nth, len(headings)) if headings[at][0] == name.strip()]
        if here:
            starts[number], nth = headings[here[0]][1], here[0] + 1
    if not starts:
        return [text]
    starts[min(starts)] = 0
    parts = [""] * len(names)
    for (number, start), end in zip(
        starts.items(), [*[*starts.values()][1:], len(text)], strict=True
    ):
        parts[number] = text[start:end]
    return parts


def _notes(plain: str) -> dict[int, str]:
    """What is said to a slide, by its number; it is in the plain text alone."""
    slides = _MARKED.split(plain)
    return {
        int(number): text.rpartition("\n\nNotes:\n\n")[2].strip()
        for number, text in zip(slides[1::2], slides[2::2], strict=True)
        if "\n\nNotes:\n\n" in text
    }
