"""Sections and code of a Markdown text, by markdown-it-py (CommonMark and tables)."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

from rag_embed.chunking.outline import Outline, Section, line_starts

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_VERBATIM = frozenset({"fence", "code_block", "html_block"})
_MARKUP = re.compile(r"[*_`\[\]<>&\\!~]")


def markdown_outline(text: str) -> Outline:
    r"""Top-level headings (ATX and setext) and code blocks of a Markdown text.

    A ``#`` in a code block is no heading, nor is a heading inside a list item or a quotation.

    Examples:
        >>> [s.path for s in markdown_outline("# A\n\n## *B*\n\n```\n# no\n```\n").sections]
        [('A',), ('A', 'B')]
    """
    tokens = _parser().parse(text)
    lines = line_starts(text)
    ends = [*lines, len(text)]
    sections = [Section(0, 0, 0)]
    verbatim: list[tuple[int, int]] = []
    above: list[tuple[int, str]] = []
    for nth, token in enumerate(tokens):
        if token.map is None:
            continue
        first, last = lines[token.map[0]], ends[min(token.map[1], len(lines))]
        if token.type == "heading_open" and token.level == 0:
            level = int(token.tag[1])
            title = _plain(tokens[nth + 1].content)
            above = [item for item in above if item[0] < level]
            above.append((level, title))
            path = tuple(name for _, name in above if name)
            sections.append(Section(first, last, level, path))
        elif token.type in _VERBATIM:
            verbatim.append((first, last))
    if len(sections) > 1 and sections[1].start == 0:
        sections = sections[1:]
    return Outline(tuple(sections), tuple(verbatim))


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
    """A heading without its inline markup."""
    if not _MARKUP.search(heading):
        return " ".join(heading.split())
    children = _inline_parser().parseInline(heading)[0].children or []
    parts = [
        " " if child.type in ("softbreak", "hardbreak") else child.content
        for child in children
        if child.type != "html_inline"
    ]
    return " ".join("".join(parts).split())
