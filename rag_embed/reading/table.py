"""Tables of a page as rows of texts; a cell that spans several has its text in each, if it is short."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from bs4 import Tag

_CELLS = frozenset({"td", "th"})
_WIDEST = 50
"""Columns or rows that a cell may span; pages claim thousands."""


_AREA, _SHORT = 100, 100
"""Places that a cell may span in all, and characters up to which its text is repeated in them."""


class _Cell(NamedTuple):
    texts: list[str]
    columns: int
    rows: int


def table_rows(table: Tag, beside: list[str]) -> list[list[str]]:
    """Rows of cells, in document order: rows and cells may never have been closed.

    Args:
        table: The table.
        beside: Takes the texts outside of cells, such as a caption.
    """
    import bs4

    rows: list[list[_Cell]] = []
    for node in table.descendants:
        if isinstance(node, bs4.Tag):
            if node.name == "tr" or (node.name in _CELLS and not rows):
                rows.append([])
            if node.name in _CELLS:
                columns = _span(node, "colspan")
                most = max(1, _AREA // columns)
                rows[-1].append(_Cell([], columns, min(_span(node, "rowspan"), most)))
            elif node.name == "br" and rows and rows[-1]:
                rows[-1][-1].texts.append(" ")
        elif type(node) is bs4.NavigableString:
            texts = rows[-1][-1].texts if rows and rows[-1] else beside
            texts.append(str(node))
    return _spread(rows)


def _span(cell: Tag, name: str) -> int:
    value = str(cell.get(name) or "")
    return max(1, min(int(value), _WIDEST)) if value.isdecimal() and len(value) < 6 else 1


def _spread(rows: list[list[_Cell]]) -> list[list[str]]:
    """Each cell's text in all places that it spans; a long one in the first."""
    found: list[list[str]] = []
    from_above: dict[int, tuple[str, int]] = {}  # column -> text, and how many rows it still covers
    for cells in rows:
        row: list[str] = []
        waiting = chain(cells)
        below: dict[int, tuple[str, int]] = {}
        cell = next(waiting, None)
        while cell is not None or len(row) in from_above:
            if len(row) in from_above:
                text, left = from_above.pop(len(row))
                if left > 1:
                    below[len(row)] = text, left - 1
                row.append(text)
                continue
            assert cell is not None
            text = " ".join("".join(cell.texts).split())
            again = text if len(text) <= _SHORT else ""
            for nth in range(cell.columns):
                if cell.rows > 1:
                    below[len(row)] = again, cell.rows - 1
                row.append(again if nth else text)
            cell = next(waiting, None)
        from_above = below
        found.append(row)
    return found
