"""Sections, code and tables of a Markdown text, as CommonMark and GitHub's tables have it.

Markdown-it-py knows the syntax and is slow. Most of a text is plain to see: headings, fences, tables and
comments at the margin, and paragraphs and lists without any of these. Only what is left is parsed: a
stretch from a place at which no block is open to the next.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

from rag_embed.chunking.outline import Outline, Section, Table, line_starts

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_VERBATIM = frozenset({"fence", "code_block", "html_block"})
_MARKUP = re.compile(r"[*_`\[\]<>&\\!~]")
_ATTRIBUTES = re.compile(r"(?<=\s)\{:?[ \t]*[#.][^{}]*\}$")

_OPENERS = frozenset(" \t\n#`~<|")
"""What lines start with that are no text for sure."""
_BLANK = re.compile(r"[ \t]*(?:\n|$)")
_HEADING = re.compile(r" {0,3}(#{1,6})([ \t][^\n]*|)(?:\n|$)")
_FENCE = re.compile(r" {0,3}(?:(`{3,})[^`\n]*|(~{3,})[^\n]*)(?:\n|$)")
_COMMENT = re.compile(r" {0,3}<!--")
_RAW = re.compile(r" {0,3}<(?:script|pre|style|textarea)(?=[\s>])", re.IGNORECASE)
_RAW_END = re.compile(r"</(?:script|pre|style|textarea)>", re.IGNORECASE)
_ROWS = re.compile(r" {0,3}\|[^\n]*(?:\n|$)")
_RULED = re.compile(r" {0,3}[|:-][|: -][|:\- \t]*(?:\n|$)")
_CELL = re.compile(r":?-+:?")
_BETWEEN = re.compile(r"(?<!\\)\|")

_MARGIN = re.compile(
    r"\n(?:[ \t]*\n(?=[^ \t\n])|(?=#{1,6}(?:[ \t]|$)|~~~|```[^`\n]*$))", re.MULTILINE
)
_FRESH = re.compile(r"\n[ \t]*\n(?=[^ \t\n])")
_HTML = re.compile(r"^[ \t>*+\-\d.)]*<[A-Za-z/!?]", re.MULTILINE)
_LINE = (
    r"(?: {4}|[ \t>*+\-\d.)]*(?:\t|[>*+\-.)] {5}|<[A-Za-z/!?]|[|:]?[ \t]*:?-+[ \t]*[|:])"
    r"| {1,3}#| {0,3}(?:=+|-+)[ \t]*$)"
)
_STRUCTURE = re.compile(_LINE, re.MULTILINE)
_STRUCTURE_BELOW = re.compile(rf"\n{_LINE}", re.MULTILINE)
"""How the first line of a stretch, or another, starts that may be of a heading, code, HTML or a table.
Two patterns, because one with ``^`` is tried at each character."""


def markdown_outline(text: str) -> Outline:
    r"""Top-level headings (ATX and setext), code blocks and tables of a Markdown text.

    A ``#`` in a code block is no heading, nor is a heading inside a list item or a quotation.

    Examples:
        >>> [s.path for s in markdown_outline("# A\n\n## *B*\n\n```\n# no\n```\n").sections]
        [('A',), ('A', 'B')]
    """
    found = _Found(text.replace("\r\n", " \n").replace("\r", "\n"))
    at = 0
    while at < len(text):
        at = found.next(at)
    sections = found.sections
    if len(sections) > 1 and sections[1].start == 0:
        sections = sections[1:]
    return Outline(
        tuple(sections),
        tuple(found.verbatim),
        tables=tuple(found.tables),
        markup=frozenset(found.markup),
    )


class _Found:
    """What was found so far in a text whose lines end with a line feed."""

    def __init__(self, text: str) -> None:
        self.sections = [Section(0, 0, 0)]
        self.verbatim: list[tuple[int, int]] = []
        self.tables: list[Table] = []
        self.markup: set[int] = set()
        self._text = text
        self._above: list[tuple[int, str]] = []

    def next(self, at: int) -> int:
        """Read one block, or stretch of text, at a line where none is open; where the next one is."""
        text = self._text
        if text[at] not in _OPENERS:
            return self._stretch(at)
        if match := _BLANK.match(text, at):
            return match.end()
        if match := _HEADING.match(text, at):
            title = match.group(2).rstrip(" \t")
            bare = title.rstrip("#")
            self._heading(
                at, match.end(), len(match.group(1)), title if bare[-1:].strip() else bare
            )
            return match.end()
        if match := _FENCE.match(text, at):
            return self._kept(at, self._after_fence(match))
        if _COMMENT.match(text, at):
            self.markup.add(at)
            closed = text.find("-->", at)
            return self._kept(at, len(text) if closed < 0 else self._line_end(closed))
        if _RAW.match(text, at):
            end = _RAW_END.search(text, at)
            return self._kept(at, self._line_end(end.end()) if end else len(text))
        return self._table(at) or self._stretch(at)

    def _heading(self, start: int, body: int, level: int, title: str) -> None:
        self._above = [item for item in self._above if item[0] < level]
        self._above.append((level, _plain(title)))
        path = tuple(name for _, name in self._above if name)
        self.sections.append(Section(start, body, level, path))

    def _kept(self, start: int, end: int) -> int:
        self.verbatim.append((start, end))
        return end

    def _line_end(self, at: int) -> int:
        end = self._text.find("\n", at)
        return len(self._text) if end < 0 else end + 1

    def _after_fence(self, opened: re.Match[str]) -> int:
        marks = opened.group(1) or opened.group(2)
        closed = _closing(marks[0], len(marks)).search(self._text, opened.end())
        return closed.end() if closed else len(self._text)

    def _table(self, at: int) -> int | None:
        """Where a table that is plain to see ends; None where there is none."""
        head = _ROWS.match(self._text, at)
        ruled = _RULED.match(self._text, head.end()) if head else None
        if head is None or ruled is None:
            return None
        cells = _cells(head.group())
        rule = _cells(ruled.group())
        if len(rule) != len(cells) or not all(_CELL.fullmatch(cell) for cell in rule):
            return None
        end = ruled.end()
        while row := _ROWS.match(self._text, end):
            end = row.end()
        if end < len(self._text) and not _BLANK.match(self._text, end):
            return None
        self.tables.append(Table(at, ruled.end(), end, _heads(cells)))
        return end

    def _stretch(self, at: int) -> int:
        """Read up to the next place at which no block can be open."""
        margin = _MARGIN.search(self._text, at)
        end = margin.end() if margin else len(self._text)
        has_tag = self._text.find("<", at, end) >= 0
        if has_tag and _HTML.search(self._text, at, end):  # a block of HTML goes on over headings
            fresh = _FRESH.search(self._text, at)
            end = fresh.end() if fresh else len(self._text)
        if not self._structured(at, end):
            return end
        tokens = _parser().parse(self._text[at:end])
        if end < len(self._text) and _is_open(tokens):
            end = len(self._text)
            tokens = _parser().parse(self._text[at:end])
        self._parsed(at, end, tokens)
        return end

    def _structured(self, at: int, end: int) -> bool:
        """Whether there may be a heading, code, HTML or a table in a stretch of text."""
        text = self._text
        return bool(
            _STRUCTURE.match(text, at, end)
            or _STRUCTURE_BELOW.search(text, at, end)
            or text.find("```", at, end) >= 0
            or text.find("~~~", at, end) >= 0
        )

    def _parsed(self, at: int, end: int, tokens: list[Token]) -> None:
        lines = [at + start for start in line_starts(self._text[at:end])]
        ends = [*lines, end]
        for nth, token in enumerate(tokens):
            if token.map is None:
                continue
            first, last = lines[token.map[0]], ends[min(token.map[1], len(lines))]
            if token.type == "heading_open" and token.level == 0:
                self._heading(first, last, int(token.tag[1]), tokens[nth + 1].content)
            elif token.type in _VERBATIM:
                self.verbatim.append((first, last))
                if token.type == "html_block" and not _RAW.match(token.content):
                    self.markup.add(first)
            elif token.type == "table_open":
                body = ends[min(token.map[0] + 2, len(lines))]
                self.tables.append(Table(first, body, last, _heads(_row(tokens, nth))))


def _is_open(tokens: list[Token]) -> bool:
    """Whether a block of code or HTML goes on where a stretch ends, blank lines or not."""
    last = next((one for one in reversed(tokens) if one.level == 0), None)
    if last is None or last.map is None:
        return False
    if last.type == "fence":
        return last.map[1] - last.map[0] <= last.content.count("\n") + 1
    start = last.content.lstrip()
    return last.type == "html_block" and bool(start.startswith(("<!", "<?")) or _RAW.match(start))


def _row(tokens: list[Token], at: int) -> list[str]:
    """The cells of the head of a table."""
    cells = []
    while tokens[at].type != "thead_close":
        if tokens[at].type == "th_open":
            cells.append(tokens[at + 1].content)
        at += 1
    return cells


def _cells(line: str) -> list[str]:
    cells = [cell.strip() for cell in _BETWEEN.split(line.strip())]
    if cells and not cells[0]:
        del cells[0]
    if cells and not cells[-1]:
        del cells[-1]
    return cells


def _heads(cells: list[str]) -> str:
    return " | ".join(name for name in map(_plain, cells) if name)


@functools.cache
def _closing(mark: str, count: int) -> re.Pattern[str]:
    return re.compile(rf"^ {{0,3}}{mark}{{{count},}}[ \t]*(?:\n|$)", re.MULTILINE)


@functools.cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    # Inline markup is not needed to find blocks, and is most of the time a parse takes.
    return MarkdownIt("commonmark").enable("table").disable("inline")


@functools.cache
def _inline_parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark")


def _plain(heading: str) -> str:
    """A heading without its inline markup, and without attributes such as ``{#id}``."""
    heading = _ATTRIBUTES.sub("", " ".join(heading.split()))
    if not _MARKUP.search(heading):
        return " ".join(heading.split())
    children = _inline_parser().parseInline(heading)[0].children or []
    parts = [
        " " if child.type in ("softbreak", "hardbreak") else child.content
        for child in children
        if child.type != "html_inline"
    ]
    return " ".join("".join(parts).split())
