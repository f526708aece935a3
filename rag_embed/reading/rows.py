"""CSV and TSV files: each row on a line, each value after the name of its column."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from rag_embed.reading.base import made, read_text
from rag_embed.types import Document, Skipped

_SNIFFED = 16_384
_LONGEST = 10_000_000
_NAME = 200
"""Characters of a column's name: it stands before every value."""


def read_rows(path: Path, name: str) -> Iterator[Document | Skipped]:
    """Rows as ``name: fox; price: 3.5``, which a question finds by both; ``format`` is ``"rows"``.

    The first row names the columns; empty values are left out. What separates the values is a comma, a
    semicolon, a tab or a bar, whichever the first rows have.
    """
    found = read_text(path, name)
    if isinstance(found, Skipped):
        yield found
        return
    try:
        text = _rows(found.text, "\t" if path.suffix.lower() == ".tsv" else ",")
    except csv.Error:
        yield made(path, name, found, format="text")
        return
    yield made(path, name, found._replace(text=text), format="rows")


def _rows(text: str, usual: str) -> str:
    csv.field_size_limit(_LONGEST)
    lines = csv.reader(io.StringIO(text), delimiter=_delimiter(text, usual))
    heads: list[str] = []
    written: list[str] = []
    for cells in lines:
        cells = [" ".join(cell.split()) for cell in cells]
        if not any(cells):
            continue
        if not heads:
            heads = [f"{cell[:_NAME]}…" if len(cell) > _NAME else cell for cell in cells]
            continue
        named = [
            f"{heads[nth]}: {cell}" if nth < len(heads) and heads[nth] else cell
            for nth, cell in enumerate(cells)
            if cell
        ]
        written.append("; ".join(named))
    return "\n".join(written) if written else ", ".join(heads)


def _delimiter(text: str, usual: str) -> str:
    """What parts most of the first rows into as many cells as the row of names has, more than one.

    `csv.Sniffer` looks by expressions that take minutes for some hundred quotes.
    """
    return max([usual, *(one for one in ",;\t|" if one != usual)], key=partial(_parted, text))


def _parted(text: str, delimiter: str) -> tuple[float, int]:
    """Share of the first rows with as many cells as the first one, and how many these are."""
    rows = csv.reader(io.StringIO(text[:_SNIFFED]), delimiter=delimiter)
    try:
        counts = [len(cells) for cells in rows if any(cells)]
    except csv.Error:
        return 0.0, 0
    if not counts or counts[0] < 2:
        return 0.0, 0
    return counts.count(counts[0]) / len(counts), counts[0]
