"""Jupyter notebooks: cells as Markdown, with what they print."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rag_embed.reading.base import read_text
from rag_embed.reading.pages import paged
from rag_embed.reading.titles import first_heading
from rag_embed.types import Document, Skipped

_EMBEDDED = re.compile(r"!\[[^\]\n]{0,500}\]\((?:data|attachment):[^)\n]*\)")
_COLOURS = re.compile(r"\x1b\[[\d;]{0,20}m")
_FENCES = re.compile(r"`{3,}")


def read_notebook(path: Path, name: str) -> Iterator[Document | Skipped]:
    """Text cells as they are, code and the text it prints in fences; a chunk's ``page`` is its cell.

    Pictures, and outputs that are no text, are left out.
    """
    found = read_text(path, name)
    if isinstance(found, Skipped):
        yield found
        return
    try:
        book = json.loads(found.text)
        cells = book["cells"]
        language = _language(book)
        texts = [_cell(cell, language) for cell in cells]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        yield Skipped(name, "broken notebook: it is not JSON with cells, as nbformat 4 has it")
        return
    title = next(filter(None, map(first_heading, texts)), "")
    yield paged(path, name, texts, title, kind="cell", format="notebook", language=language)


def _language(book: dict[str, Any]) -> str:
    info = book.get("metadata", {}).get("language_info") or {}
    return str(info.get("name") or "python")


def _cell(cell: dict[str, Any], language: str) -> str:
    source = _joined(cell.get("source", "")).strip("\n")
    if cell["cell_type"] != "code":
        return _EMBEDDED.sub("", source).strip()
    printed = "\n".join(filter(None, map(_output, cell.get("outputs", []))))
    return "\n\n".join(filter(None, [_fenced(source, language), _fenced(printed, "text")]))


def _output(output: dict[str, Any]) -> str:
    if output.get("output_type") == "error":
        return f"{output.get('ename')}: {output.get('evalue')}"
    text = output.get("text") or (output.get("data") or {}).get("text/plain") or ""
    return _COLOURS.sub("", _joined(text)).strip("\n")


def _joined(lines: str | list[str]) -> str:
    return lines if isinstance(lines, str) else "".join(lines)


def _fenced(code: str, language: str) -> str:
    if not code.strip():
        return ""
    fence = "`" * (max((len(run) for run in _FENCES.findall(code)), default=2) + 1)
    return f"{fence}{language}\n{code}\n{fence}"
