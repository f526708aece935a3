# ruff: noqa: SIM905 - lists of tags read best as text
"""Writing Markdown from the elements of a page, one after the other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rag_embed.reading.table import table_rows

if TYPE_CHECKING:
    from bs4 import Tag

_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BLOCKS = frozenset(
    "address article aside blockquote body center dd details div dl dt fieldset figcaption figure "
    "footer form header hr html legend li main menu ol p pre section summary table tbody td tfoot "
    "th thead tr ul caption".split()
) | set(_HEADINGS)
_LISTS = frozenset({"ul", "ol", "menu"})
_LAYOUT = [*_HEADINGS, "table", "ul", "ol", "pre"]
"""A table around one of these arranges a page; it has no rows worth keeping."""

_BETWEEN = {"msup": "^", "msub": "_", "mfrac": "/", "munder": "_", "mover": "^", "msubsup": "^"}
_DEEPEST = 20
"""Lists in one another that are told apart: what is nested without end would be mostly indentation."""

_MARKUP = re.compile(r"^(?=#{1,6}(?:\s|$)|```|~~~|(?:=+|-+|_+|\*+)\s*$|<)", re.MULTILINE)
_PERMALINK = re.compile(
    r"(?: ?(?:\[ ?(?:edit|edit source|bearbeiten|modifier|editar) ?\]|[¶§🔗]))+$", re.IGNORECASE
)
_POWER = re.compile(r"[-+\u2212\u2013]?\d{1,9}|[-+\u2212]?[a-z]|\d{1,2}[-+\u2212]")
_TERM = re.compile(
    r"(?=[^\W_])[\w \u2212\u2013+/*·()=,-]{1,24}(?<=[\w)])|[-+\u2212\u2013][\w ()]{1,24}"
)
"""A power or index of several signs; words alone, as of "1st" and "TM", are none."""
_SPACES = re.compile(r"\s+")
_FENCES = re.compile(r"`{3,}")


class Writer:
    """Collects blocks; the caller walks ``root`` and says what it enters and leaves."""

    def __init__(self, root: Tag) -> None:
        self._arranging = _around(root)
        self._blocks: list[tuple[bool, str]] = []
        self._inline: list[str] = []
        self._lists: list[int | None] = []
        self._marker = ""
        self._emptied: set[int] = set()

    def text(self, text: str) -> None:
        """Characters between tags."""
        self._inline.append(_SPACES.sub(" ", text))

    def enter(self, tag: Tag) -> bool:
        """Start an element; False when it is written already and its content is to be left out."""
        name = tag.name
        if name in _BLOCKS:
            self._flush()
        if name == "pre":
            self._code(_lines(tag))
            return False
        if name in ("math", "script"):
            self._inline.append(f" {formula(tag)} ")
            return False
        if name in ("sup", "sub"):
            self._inline.append(_raised(tag))
            return False
        if name == "table" and id(tag) not in self._arranging:
            self._table(tag)
            return False
        if name == "br":
            self._inline.append("\n")
        elif name == "img" and "math" not in " ".join(tag.get("class") or ()):
            self._inline.append(f" {tag.get('alt') or ''} ")
        elif name in _LISTS:
            self._lists.append(1 if name == "ol" else None)
        elif name == "li":
            self._bullet()
        return True

    def leave(self, name: str) -> None:
        """End an element."""
        if name in _HEADINGS:
            self._heading(_HEADINGS[name])
        elif name in _BLOCKS:
            self._flush()
        if name in _LISTS and self._lists:
            self._lists.pop()
        if name == "li":
            self._marker = ""

    def left_out(self) -> None:
        """An element is passed over; a heading that has nothing else below it goes too."""
        self._flush()
        self._emptied.add(len(self._blocks) - 1)

    def finish(self) -> str:
        """The whole text."""
        self._flush()
        for nth in sorted(self._emptied, reverse=True):
            level = _level(self._blocks, nth)
            if level and (
                nth + 1 == len(self._blocks) or 0 < _level(self._blocks, nth + 1) <= level
            ):
                del self._blocks[nth]
        parts: list[str] = []
        for nth, (item, block) in enumerate(self._blocks):
            if nth:
                parts.append("\n" if item and self._blocks[nth - 1][0] else "\n\n")
            parts.append(block)
        return "".join(parts).strip()

    def _taken(self) -> str:
        lines = "".join(self._inline).split("\n")
        self._inline.clear()
        return "\n".join(line for line in (" ".join(line.split()) for line in lines) if line)

    def _flush(self) -> None:
        text = self._taken()
        if not text:
            return
        text = _MARKUP.sub(r"\\", text)
        if self._lists:
            indent = "  " * min(len(self._lists) - 1, _DEEPEST)
            marker = self._marker or "  "
            text = indent + marker + text.replace("\n", f"\n{indent}{' ' * len(marker)}")
            self._marker = ""
        self._blocks.append((bool(self._lists), text))

    def _heading(self, level: int) -> None:
        text = _PERMALINK.sub("", " ".join(self._taken().split()))
        if text:
            self._blocks.append((False, f"{'#' * level} {text}"))

    def _bullet(self) -> None:
        number = self._lists[-1] if self._lists else None
        self._marker = "- " if number is None else f"{number}. "
        if number is not None:
            self._lists[-1] = number + 1

    def _code(self, code: str) -> None:
        code = code.strip("\n").rstrip()
        if code:
            longest = max((len(run) for run in _FENCES.findall(code)), default=2)
            fence = "`" * (longest + 1)
            self._blocks.append((False, f"{fence}\n{code}\n{fence}"))

    def _table(self, table: Tag) -> None:
        lines: list[str] = []
        for row in table_rows(table, self._inline):
            cells = [cell.replace("|", r"\|") for cell in row]
            if any(cells):
                lines.append(f"| {' | '.join(cells)} |")
                if len(lines) == 1:
                    lines.append(f"|{' --- |' * len(cells)}")
        self._flush()  # a caption
        if lines:
            self._blocks.append((False, "\n".join(lines)))


def _level(blocks: Sequence[tuple[bool, str]], nth: int) -> int:
    """That of the heading that a block is; 0 for others."""
    block = "" if nth < 0 else blocks[nth][1]
    return len(block) - len(block.lstrip("#"))


def formula(tag: Tag) -> str:
    """A formula (MathML, as KaTeX writes it too, or the source that MathJax reads) on one line.

    Its TeX where that comes with it; else its text, with ``^``, ``_`` and ``/`` between the parts.
    """
    import bs4

    source = tag.find("annotation", attrs={"encoding": "application/x-tex"})
    if source is not None or tag.name == "script":
        return " ".join((source or tag).get_text().split())
    if alternative := tag.get("alttext"):
        return " ".join(str(alternative).split())
    parts: list[str] = []
    for node in tag.descendants:
        if type(node) is bs4.NavigableString:
            parts.append(str(node).strip())
        elif isinstance(node, bs4.Tag) and node.parent is not None:
            between = _BETWEEN.get(node.parent.name)
            if between and node.find_previous_sibling(True) is not None:
                parts.append(between)
    return "".join(parts)


def _raised(tag: Tag) -> str:
    """What stands above or below the line; nothing of the number of a footnote."""
    text = " ".join(tag.get_text().split())
    if tag.name == "sup" and (tag.find("a") is not None or re.fullmatch(r"\[\w{1,5}\]", text)):
        return ""
    if tag.name == "sup" and _POWER.fullmatch(text):
        return f"^{text}"
    if _TERM.fullmatch(text) and (not text.isalnum() or re.fullmatch(r"\d+[a-z]", text)):
        return f"{'^' if tag.name == 'sup' else '_'}({text})"
    return f"_{text}" if tag.name == "sub" and re.fullmatch(r"[a-z]", text) else text


def _lines(tag: Tag) -> str:
    """Preformatted text; its lines may end with ``<br>``, or each be a block of its own."""
    import bs4

    parts: list[str] = []
    for node in tag.descendants:
        if type(node) is bs4.NavigableString:
            parts.append(str(node))
        elif isinstance(node, bs4.Tag) and (
            node.name == "br" or (node.name in _BLOCKS and parts and parts[-1][-1:] != "\n")
        ):
            parts.append("\n")
    return "".join(parts)


def _around(root: Tag) -> set[int]:
    """Elements (by ``id``) with one of `_LAYOUT` inside; each is looked at once."""
    found: set[int] = set()
    for tag in root.find_all(_LAYOUT):
        for above in tag.parents:
            if id(above) in found:
                break
            found.add(id(above))
    return found
