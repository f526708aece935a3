"""Sections of a document, and which of them may share a chunk.

The parts that know a syntax are `markdown` and `python`; this file only knows levels and sizes.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Container, Sequence
from dataclasses import dataclass
from itertools import takewhile
from operator import attrgetter, itemgetter
from typing import TypeAlias

NEWLINE = re.compile(r"\r\n?|\n")


@dataclass(frozen=True, slots=True)
class Section:
    """From a heading (or definition) to the next one of any level.

    Attributes:
        start: Offset of its heading.
        body: Offset after its heading line; equal to ``start`` when there is none.
        level: 0 for text before the first heading, larger is deeper.
        path: Its headings, outermost first, its own included.
    """

    start: int
    body: int
    level: int
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """A table, or what is one to its readers: rows under a head.

    Attributes:
        start: Offset of its head.
        body: Offset of its first row.
        end: Offset after its last row.
        heads: The names of its columns, which its rows stand under.
    """

    start: int
    body: int
    end: int
    heads: str


Block: TypeAlias = tuple[int, int, Table | None]
"""Start, end, and the table that it is; None for code."""


@dataclass(frozen=True, slots=True)
class Outline:
    """Structure of one text.

    Attributes:
        sections: In order; the first starts at 0 and together they cover the text.
        verbatim: Ordered, disjoint ranges in which lines count and sentences do not (code).
        source: Whether it is source code: then blank lines before the left margin end a block.
        tables: Ordered and disjoint.
        markup: Where those of ``verbatim`` start that nobody reads as a whole: comments and tags of HTML.
    """

    sections: tuple[Section, ...] = (Section(0, 0, 0),)
    verbatim: tuple[tuple[int, int], ...] = ()
    source: bool = False
    tables: tuple[Table, ...] = ()
    markup: frozenset[int] = frozenset()

    def blocks(self, start: int, end: int) -> list[Block]:
        """Code and tables between two offsets, cut off there, in order."""
        code = self.verbatim[bisect_right(self.verbatim, start, key=itemgetter(1)) :]
        rows = self.tables[bisect_right(self.tables, start, key=attrgetter("end")) :]
        found: list[Block] = [
            (first, last, None) for first, last in takewhile(lambda one: one[0] < end, code)
        ]
        found += [(one.start, one.end, one) for one in takewhile(lambda one: one.start < end, rows)]
        cut = [(max(first, start), min(last, end), table) for first, last, table in found]
        return sorted(cut, key=itemgetter(0))

    def heads(self, offset: int) -> str:
        """The names of the columns of the table whose rows an offset lies in, or ``""``."""
        nth = bisect_right(self.tables, offset, key=attrgetter("body")) - 1
        return self.tables[nth].heads if nth >= 0 and offset < self.tables[nth].end else ""


def line_starts(text: str) -> list[int]:
    r"""Offset of each line, with the line ends that CommonMark and Python know.

    Examples:
        >>> line_starts("a\r\nb\n")
        [0, 3, 5]
    """
    return [0, *(match.end() for match in NEWLINE.finditer(text))]


def common_path(sections: Sequence[Section]) -> tuple[str, ...]:
    """Longest path that all sections share.

    Examples:
        >>> common_path([Section(0, 0, 1, ("A",)), Section(5, 9, 2, ("A", "B"))])
        ('A',)
    """
    if len(sections) == 1:
        return sections[0].path
    first, last = min(s.path for s in sections), max(s.path for s in sections)
    shared = 0
    while shared < min(len(first), len(last)) and first[shared] == last[shared]:
        shared += 1
    return first[:shared]


def groups(
    sections: Sequence[Section],
    sizes: Sequence[int],
    budget: int,
    tiny: int,
    empty: Container[int] = (),
) -> list[tuple[int, int]]:
    """Runs ``[first, last)`` of sections that may share chunks; chunks never cross two runs.

    A tiny section (at most ``tiny`` tokens) leads into its first subsection, of whatever size, and one of
    ``empty``, which are headings without text, into the next of its level too: it may be another name for it.
    Otherwise only a tiny section joins the run before it: one of tiny sections, as long as it
    stands under the same heading as the first of them, or one that ends with its parent or a
    tiny sibling and stays within ``budget``. A run of at most half of ``tiny`` tokens joins a neighbour
    if both fit ``budget``: a line or two alone is found for what it is about, and says nothing.

    Examples:
        >>> s = [Section(0, 0, 1), Section(0, 0, 2), Section(0, 0, 2), Section(0, 0, 1)]
        >>> groups(s, [5, 150, 30, 150], budget=200, tiny=50)
        [(0, 2), (2, 3), (3, 4)]
        >>> groups(s, [5, 20, 20, 150], budget=200, tiny=50)
        [(0, 3), (3, 4)]
    """
    return _with_tiny(_runs(sections, sizes, budget, tiny, empty), sizes, budget, tiny // 2)


def _with_tiny(
    runs: Sequence[tuple[int, int]], sizes: Sequence[int], budget: int, tiny: int
) -> list[tuple[int, int]]:
    """Join a run of very few tokens to the one before it, or else after it, where both fit a chunk."""
    joined: list[tuple[int, int, int]] = []
    for first, last in runs:
        size = sum(sizes[first:last])
        if joined:
            start, _, before = joined[-1]
            if min(before, size) <= tiny and before + size <= budget:
                joined[-1] = start, last, before + size
                continue
        joined.append((first, last, size))
    return [run[:2] for run in joined]


def _runs(
    sections: Sequence[Section],
    sizes: Sequence[int],
    budget: int,
    tiny: int,
    empty: Container[int],
) -> list[tuple[int, int]]:
    n = len(sections)
    leads = [False] * (n + 1)
    for i in range(n - 2, -1, -1):
        below = sections[i + 1].level - sections[i].level
        below += i in empty
        leads[i] = sizes[i] <= tiny and below > 0 and (sizes[i + 1] > tiny or leads[i + 1])
    runs: list[tuple[int, int]] = []
    total, small = 0, False  # tokens of the last run, and whether all its sections are tiny
    for i in range(n):
        joins = i > 0 and leads[i - 1]
        if i > 0 and not joins and not leads[i] and sizes[i] <= tiny:
            related = _related(sections, sizes, runs[-1][0], i, tiny)
            joins = related and (small or total + sizes[i] <= budget)
        if joins:
            runs[-1] = (runs[-1][0], i + 1)
        else:
            runs.append((i, i + 1))
            total, small = 0, True
        total += sizes[i]
        small = small and sizes[i] <= tiny
    return runs


def _related(
    sections: Sequence[Section], sizes: Sequence[int], first: int, i: int, tiny: int
) -> bool:
    if sections[i].level > sections[i - 1].level:
        return True
    return sizes[i - 1] <= tiny and sections[i].level >= sections[first].level
