"""Tables of reStructuredText, AsciiDoc and Org that name their columns: rows under a head, as in Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rag_embed.chunking.outline import Table

_ORG = re.compile(r"^[ \t]*\|[^\n]*\n[ \t]*\|-[-+]*\|?[ \t]*\n", re.MULTILINE)
_ORG_ROW = re.compile(r"[ \t]*\|[^\n]*(?:\n|$)")
_ASCIIDOC = re.compile(r"^\|===+[ \t]*\n(?:[ \t]*\n)?(\|[^\n]*)\n[ \t]*\n", re.MULTILINE)
_ASCIIDOC_END = re.compile(r"^\|===+[ \t]*$", re.MULTILINE)
_SIMPLE = re.compile(
    r"^([ \t]*)(=+ [= ]*=)[ \t]*\n(?=[^\n]*\S)([^\n]*)\n\1=[= ]*[ \t]*\n", re.MULTILINE
)
_SIMPLE_END = re.compile(r"^[ \t]*=+ [= ]*=[ \t]*(?:\n|$)", re.MULTILINE)
_GRID = re.compile(
    r"^[ \t]*\+-[-+]*\+[ \t]*\n([ \t]*\|[^\n]*)\n[ \t]*\+=[=+]*\+[ \t]*\n", re.MULTILINE
)
_GRID_ROW = re.compile(r"[ \t]*[|+][^\n]*(?:\n|$)")


def light_tables(text: str, syntax: str) -> list[Table]:
    r"""Tables with a head, in order.

    Examples:
        >>> [one.heads for one in light_tables("| a | b |\n|---+---|\n| 1 | 2 |\n", "org")]
        ['a | b']
    """
    if syntax == "org":
        return list(_rows(text, _ORG, _ORG_ROW))
    if syntax == "asciidoc":
        return list(_asciidoc(text))
    if syntax == "rst":
        return sorted(
            [*_rows(text, _GRID, _GRID_ROW), *_simple(text)], key=lambda table: table.start
        )
    return []


def _rows(text: str, head: re.Pattern[str], row: re.Pattern[str]) -> Iterator[Table]:
    """Tables whose rows all begin with a mark."""
    at = 0
    while found := head.search(text, at):
        at = found.end()
        while at < len(text) and (match := row.match(text, at)):
            at = match.end()
        line = found.group(1) if head.groups else found.group().split("\n")[0]
        yield Table(found.start(), found.end(), at, _heads(line.split("|")))


def _closed(
    text: str, head: re.Pattern[str], end: re.Pattern[str]
) -> Iterator[tuple[re.Match[str], int]]:
    """Heads of tables that a mark closes, and where each ends; a table that is never closed is none."""
    at = 0
    while found := head.search(text, at):
        last = end.search(text, found.end())
        if last is None:
            return
        at = last.end()
        yield found, at


def _asciidoc(text: str) -> Iterator[Table]:
    for found, end in _closed(text, _ASCIIDOC, _ASCIIDOC_END):
        yield Table(found.start(), found.end(), end, _heads(found.group(1).split("|")))


def _simple(text: str) -> Iterator[Table]:
    """Columns that stand one below the other, between rules of ``=``."""
    for found, end in _closed(text, _SIMPLE, _SIMPLE_END):
        columns = [rule.start() for rule in re.finditer("=+", found.group(2))]
        line = found.group(3)[len(found.group(1)) :]
        cells = [line[a:b] for a, b in zip(columns, [*columns[1:], None], strict=True)]
        yield Table(found.start(), found.end(), end, _heads(cells))


def _heads(cells: list[str]) -> str:
    return " | ".join(filter(None, (" ".join(cell.split()) for cell in cells)))
