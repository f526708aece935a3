r"""Sections, code and tables of reStructuredText, AsciiDoc, Org and LaTeX, by what headings look like there."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from operator import itemgetter

from rag_embed.chunking.light_tables import light_tables
from rag_embed.chunking.outline import Outline, Section, Table

_ADORNED = re.compile(
    r"^(?:([!-/:-@\[-`{-~])\1*[ \t]*\n)?(?=[^\s])([^\n]{1,300})\n(?:([!-/:-@\[-`{-~])\3*)[ \t]*$",
    re.MULTILINE,
)
_LITERAL = re.compile(
    r"^(?:\.\. (?:code|code-block|sourcecode|literalinclude|parsed-literal|prompt|math)::[^\n]*"
    r"|(?!\.\. )[^\n]*::)[ \t]*\n(?=[ \t]*\n|[ \t]+[^ \t\n])",
    re.MULTILINE,
)
_ASCIIDOC = re.compile(r"^(={1,6}|#{1,6})[ \t]+(\S[^\n]{0,300})$", re.MULTILINE)
_LISTING = re.compile(r"^(----+|\.\.\.\.+|\+\+\+\++)[ \t]*$", re.MULTILINE)
_ORG = re.compile(r"^(\*{1,9})[ \t]+(\S[^\n]{0,300})$", re.MULTILINE)
_ORG_STATE = re.compile(r"^(?:TODO|DONE|NEXT|WAITING)[ \t]+|[ \t]+:[\w@:]+:[ \t]*$")
_ORG_BLOCK = re.compile(r"^[ \t]*#\+begin_(\w+)", re.MULTILINE | re.IGNORECASE)
_TEX = re.compile(
    r"^[ \t]*\\(part|chapter|section|subsection|subsubsection|paragraph)\*?"
    r"(?:\[[^\]\n]{0,300}\])?\{([^\n]{1,300})\}",
    re.MULTILINE,
)
_TEX_LEVELS = ["part", "chapter", "section", "subsection", "subsubsection", "paragraph"]
_TEX_BLOCK = re.compile(
    r"^[ \t]*\\begin\{(verbatim|lstlisting|minted|equation|align|table|tabular|tikzpicture)\*?\}",
    re.MULTILINE,
)
_TEX_MARKUP = re.compile(r"\\label\{[^{}\n]{0,200}\}|\\[A-Za-z]+\*?[ \t]*|[{}~$]")

Heading = tuple[int, int, int, str]
"""Start, end of its lines, level, text."""


def light_outline(text: str, syntax: str) -> Outline:
    r"""Sections, code and tables of a text in one of `SYNTAXES`.

    Examples:
        >>> [s.path for s in light_outline("A\n=\n\nx\n\nB\n-\n\ny\n", "rst").sections]
        [('A',), ('A', 'B')]
        >>> [s.path for s in light_outline("= A\n\n== B\n\nx\n", "asciidoc").sections]
        [('A',), ('A', 'B')]
    """
    headings, code = _SYNTAXES[syntax]
    verbatim = _disjoint(code(text))
    sections = [Section(0, 0, 0)]
    above: list[tuple[int, str]] = []
    nth = 0
    for start, end, level, title in headings(text):
        while nth < len(verbatim) and verbatim[nth][1] <= start:
            nth += 1
        if nth < len(verbatim) and verbatim[nth][0] <= start:
            continue
        above = [*(item for item in above if item[0] < level), (level, " ".join(title.split()))]
        sections.append(Section(start, end, level, tuple(name for _, name in above if name)))
    if len(sections) > 1 and sections[1].start == 0:
        sections = sections[1:]
    tables = tuple(one for one in light_tables(text, syntax) if not _crossed(verbatim, one))
    return Outline(tuple(sections), tuple(verbatim), tables=tables)


def _crossed(verbatim: list[tuple[int, int]], table: Table) -> bool:
    """Whether code and a table have characters in common."""
    nth = bisect_right(verbatim, table.start, key=itemgetter(1))
    return nth < len(verbatim) and verbatim[nth][0] < table.end


def _disjoint(ranges: Iterator[tuple[int, int]]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for start, end in ranges:
        if end > start and (not found or start >= found[-1][1]):
            found.append((start, end))
    return found


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end + 1


def _rst_headings(text: str) -> Iterator[Heading]:
    """Lines with a rule below, or above too; their order of appearance is their rank."""
    ranks: list[str] = []
    for found in _ADORNED.finditer(text):
        above, title, below = found.groups()
        rule = text[found.end(2) + 1 : found.end()].rstrip()
        long_enough = len(rule) >= min(len(title.rstrip()), 4)
        if (above is not None and above != below) or not long_enough or _is_rule(title):
            continue
        style = below + (above or "")
        if style not in ranks:
            ranks.append(style)
        start = found.start() if above else found.start(2)
        yield start, _line_end(text, found.end()), ranks.index(style) + 1, title


def _is_rule(title: str) -> bool:
    return len(set(title.rstrip())) == 1 and not title[0].isalnum()


def _rst_code(text: str) -> Iterator[tuple[int, int]]:
    for found in _LITERAL.finditer(text):
        end = at = found.end()
        while at < len(text) and (text[at] in " \t\n"):
            after = _line_end(text, at)
            end = after if text[at:after].strip() else end
            at = after
        if end > found.end():
            yield found.end(), end


def _asciidoc_headings(text: str) -> Iterator[Heading]:
    for found in _ASCIIDOC.finditer(text):
        yield found.start(), _line_end(text, found.end()), len(found.group(1)), found.group(2)


def _asciidoc_code(text: str) -> Iterator[tuple[int, int]]:
    opened: tuple[str, int] | None = None
    for found in _LISTING.finditer(text):
        if opened is None:
            opened = found.group(1), found.start()
        elif found.group(1) == opened[0]:
            yield opened[1], _line_end(text, found.end())
            opened = None


def _org_headings(text: str) -> Iterator[Heading]:
    for found in _ORG.finditer(text):
        title = _ORG_STATE.sub("", found.group(2))
        yield found.start(), _line_end(text, found.end()), len(found.group(1)), title


def _org_code(text: str) -> Iterator[tuple[int, int]]:
    yield from _closed(text, _ORG_BLOCK, "#+end_{}")


def _tex_headings(text: str) -> Iterator[Heading]:
    for found in _TEX.finditer(text):
        title = _TEX_MARKUP.sub(" ", found.group(2).split("}")[0])
        level = _TEX_LEVELS.index(found.group(1)) + 1
        yield found.start(), _line_end(text, found.end()), level, title


def _tex_code(text: str) -> Iterator[tuple[int, int]]:
    yield from _closed(text, _TEX_BLOCK, "\\end{{{}")


def _closed(text: str, opening: re.Pattern[str], closing: str) -> Iterator[tuple[int, int]]:
    """Blocks from a line that opens one to the line that closes it."""
    lowered, at = text.lower(), 0
    while found := opening.search(text, at):
        end = lowered.find(closing.format(found.group(1).lower()), found.end())
        if end < 0:
            return
        at = _line_end(text, end)
        yield found.start(), at


_SYNTAXES: dict[
    str, tuple[Callable[[str], Iterator[Heading]], Callable[[str], Iterator[tuple[int, int]]]]
] = {
    "rst": (_rst_headings, _rst_code),
    "asciidoc": (_asciidoc_headings, _asciidoc_code),
    "org": (_org_headings, _org_code),
    "tex": (_tex_headings, _tex_code),
}

SYNTAXES = frozenset(_SYNTAXES)
"""Values of ``metadata["format"]``."""
