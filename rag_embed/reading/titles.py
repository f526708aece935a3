"""What a document is called: by a heading, or by what a program wrote, where that is a title at all."""

from __future__ import annotations

import html
import re

from rag_embed.chunking.markdown import markdown_outline

_BLAND = re.compile(
    r"(?:no title|title|document|presentation|slide|book|sheet|home|index|page|layout)[ \d._-]*"
    r"|untitled\b.*|microsoft (?:word|powerpoint|excel|visio)\b.*|powerpoint[- ]pr\S{1,12}"
    r"|\(?anonymous\)?|[\W\d_]*"
    r"|[^\n]{1,200}\.(?:docx?|pptx?|xlsx?|odt|rtf|indd|tex|dvi|pdf|qxd|p65|fm|eps|ps|html?|php|md|key|pages)",
    re.IGNORECASE,
)
_TOP = re.compile(r"<h1\b[^>]{0,300}>(.{1,1000}?)</h1>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]{0,1000}>")
_HEAD = 8192


def usable(title: str) -> str:
    r"""A title on one line; empty where it is what programs write when nobody gave one.

    Examples:
        >>> usable("Microsoft Word - draft7.doc"), usable("untitled"), usable(" Foxes\nat night ")
        ('', '', 'Foxes at night')
    """
    line = " ".join(title.split())
    return "" if _BLAND.fullmatch(line) else line


def first_heading(text: str) -> str:
    """The first heading of a Markdown text, an ``<h1>`` too, or ``""``."""
    outline = markdown_outline(text)
    first = next((section for section in outline.sections if section.path), None)
    end = min(_HEAD, first.start if first else len(text))
    for found in _TOP.finditer(text, 0, end):
        fenced = any(
            start <= found.start() < stop and not text[start:stop].lstrip().startswith("<")
            for start, stop in outline.verbatim
        )
        title = " ".join(html.unescape(_TAG.sub("", found.group(1))).split())
        if title and not fenced:
            return title
    return first.path[0] if first else ""
