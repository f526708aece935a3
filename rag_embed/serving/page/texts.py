"""A passage as it is shown: its blocks, without the signs of Markdown, with its marks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import TypeAlias

from markdown_it import MarkdownIt

from rag_embed.chunking.splitter import MARKDOWN
from rag_embed.indexing.marks import Mark
from rag_embed.text import printable

_CODE = re.compile(r"(?<!`)(`{1,2})(?!`)(.+?)(?<!`)\1(?!`)")
_STRONG = re.compile(r"\*\*(?=\S)(.{1,400}?)(?<=\S)\*\*")
_EMPHASIS = re.compile(r"(?<![\w*\\])\*(?=[^\s*])([^*\n]+?)(?<=[^\s*])\*(?![\w*])")
_LINK = re.compile(r"\[([^\[\]\n]+)\]\([^()\s]*\)")
_HEADING = re.compile(r" {0,3}#{1,6}(?:[ \t]+|$)")
_CELL = re.compile(r"(?:\\.|[^|\\\n]|\\$)+")
_FENCE = re.compile(r"^ {0,3}```([^`\n]*)$", re.MULTILINE)
_RULE = re.compile(r":?-+:?")
_SIGNS = (
    (_CODE, 2, "code"),
    (_STRONG, 1, "strong"),
    (_EMPHASIS, 1, "em"),
    (_LINK, 1, ""),
)
_KINDS = {"heading_open": "heading", "fence": "code", "code_block": "code", "table_open": "table"}
_KINDS |= {"bullet_list_open": "list", "ordered_list_open": "list", "blockquote_open": "quote"}
_SOURCE = frozenset({"code", "rows"})
"""Values of ``metadata["format"]`` whose lines and spaces are shown as they are."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some characters of one look.

    Attributes:
        text: The characters.
        mark: ``"same"``, ``"alike"`` or nothing; see `Mark`.
        tip: What is said about the mark.
    """

    text: str
    mark: str = ""
    tip: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """Pieces of one style.

    Attributes:
        style: ``"code"``, ``"strong"``, ``"em"`` or nothing.
        pieces: What it holds.
    """

    style: str
    pieces: tuple[Piece, ...]


Runs: TypeAlias = tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, heading, list, table or block of code.

    Attributes:
        kind: Which of these: ``"text"``, ``"heading"``, ``"list"``, ``"table"``, ``"code"``,
            ``"quote"``, or ``"plain"`` where it is no Markdown.
        runs: What it holds.
        rows: The cells of a table, row by row.
        headed: Whether the first row has the names of the columns.
    """

    kind: str
    runs: Runs = ()
    rows: tuple[tuple[Runs, ...], ...] = ()
    headed: bool = False


def blocks(text: str, marks: Sequence[Mark], form: object) -> list[Block]:
    r"""A text as it is shown.

    Args:
        text: The text.
        marks: Its marks, in order.
        form: ``metadata["format"]`` of its document.

    Examples:
        >>> [(one.kind, one.runs[0].pieces[0].text) for one in blocks("# Leave\n\nThirty days.", [], None)]
        [('heading', 'Leave'), ('text', 'Thirty days.')]
    """
    if form in _SOURCE:
        return [Block("code", _runs(text, 0, len(text), marks, False))]
    if form is not None and form not in MARKDOWN:
        return [Block("plain", _runs(text, 0, len(text), marks, False))]
    found = []
    for kind, start, end in _spans(text):
        if kind == "table":
            found.append(_table(text, start, end, marks))
        elif runs := _runs(text, start, end, marks, kind != "code", kind):
            found.append(Block(kind, runs))
    return found


def _table(text: str, start: int, end: int, marks: Sequence[Mark]) -> Block:
    """A table, or some rows of one."""
    rows: list[tuple[Runs, ...]] = []
    ruled = False
    for line in re.finditer(r"[^\n]+", text[start:end]):
        if _is_rule(line[0]):
            ruled = ruled or len(rows) == 1
            continue
        first = start + line.start()
        cells = [
            _trimmed(text, first + cell.start(), first + cell.end())
            for cell in _CELL.finditer(line[0])
        ]
        rows.append(tuple(_runs(text, low, high, marks, True) for low, high in cells))
    return Block("table", rows=tuple(rows), headed=ruled)


def _is_rule(line: str) -> bool:
    """Whether this is the line below the names of a table's columns."""
    cells = line.strip(" \t").removeprefix("|").removesuffix("|").split("|")
    return all(_RULE.fullmatch(cell.strip(" \t")) for cell in cells)


def _is_rows(text: str) -> bool:
    """Whether every line stands between bars."""
    lines = [line.strip(" \t") for line in text.removesuffix("\n").split("\n")]
    return all(len(line) > 1 and line[0] == line[-1] == "|" for line in lines)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """A part of a text without the spaces around it."""
    while start < end and text[start] in " \t":
        start += 1
    while start < end and text[end - 1] in " \t":
        end -= 1
    return start, end


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark").enable("table")


def _spans(text: str) -> Iterator[tuple[str, int, int]]:
    """Kind, start and end of each block."""
    before = int(_starts_in_code(text))  # lines that are put before the text
    lines = [0] * (before + 1)
    for line in text.split("\n"):
        lines.append(lines[-1] + len(line) + 1)
    for token in _parser().parse("```\n" * before + text.replace("\r", " ")):
        if token.level or token.map is None:
            continue
        first, last = token.map
        if token.type == "fence":  # without its fences, of which a cut one has no second
            closed = text[lines[last - 1] : lines[last]].strip().startswith(token.markup)
            first, last = first + 1, last - int(closed and last - first > 1)
        if token.type == "hr" or last <= first:
            continue
        start, end = lines[first], min(lines[last], len(text))
        kind = _KINDS.get(token.type, "text")
        if kind == "text" and _is_rows(text[start:end]):
            kind = "table"  # of which the first rows are in another chunk
        yield kind, start, end


def _starts_in_code(text: str) -> bool:
    """Whether a passage was cut out of a block of code: its first fence can only be the end of one."""
    fences = [said.split() for said in _FENCE.findall(text)]
    return len(fences) > 1 and not fences[0] and bool(fences[1])


def _runs(
    text: str, start: int, end: int, marks: Sequence[Mark], inline: bool, kind: str = ""
) -> Runs:
    """The characters of a block by their looks; signs of Markdown are left out."""
    part = text[start:end].rstrip()
    styles, hidden = _inline(part) if inline else ([""] * len(part), bytearray(len(part)))
    for low, high in _heading_signs(part) if kind == "heading" else ():
        hidden[low:high] = b"\1" * (high - low)
    marked: list[Mark | None] = [None] * len(part)
    for one in marks:
        for at in range(max(one.start - start, 0), min(one.end - start, len(part))):
            marked[at] = one
    shown = [at for at in range(len(part)) if not hidden[at]]
    runs = []
    for style, some in groupby(shown, key=styles.__getitem__):
        pieces = []
        for mark, letters in groupby(some, key=marked.__getitem__):
            said = printable("".join(part[at] for at in letters))
            pieces.append(Piece(said, mark.kind, mark.tip) if mark else Piece(said))
        runs.append(Run(style, tuple(pieces)))
    return tuple(runs)


def _heading_signs(part: str) -> Iterator[tuple[int, int]]:
    """Where the signs of a heading stand: before it, behind it, or as a line below it."""
    if opening := _HEADING.match(part):
        yield opening.span()
    name = part.rstrip("#")
    if name != part and name.endswith((" ", "\t")):
        yield len(name.rstrip(" \t")), len(part)
    above, _, last = part.rpartition("\n")
    if above and set(last.strip(" ")) in ({"="}, {"-"}):
        yield len(above), len(part)


def _inline(part: str) -> tuple[list[str], bytearray]:
    """Style of each character, and whether it is a sign that is not shown."""
    styles, hidden = [""] * len(part), bytearray(len(part))
    for pattern, group, style in _SIGNS:
        for found in pattern.finditer(part):
            low, high = found.span(group)
            if styles[found.start()] == "code":
                continue
            hidden[found.start() : low] = b"\1" * (low - found.start())
            hidden[high : found.end()] = b"\1" * (found.end() - high)
            if style:
                styles[low:high] = [style] * (high - low)
    return styles, hidden
