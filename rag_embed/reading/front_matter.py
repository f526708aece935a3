"""Front matter: the block of ``key: value`` lines between ``---`` that a Markdown file begins with.

Read line by line, each once: patterns over many lines take time without end on some texts.
"""

from __future__ import annotations

import re

_RULE = "---"
_LINE = re.compile(r"[\w.-]+[ \t]*:|[ \t#-]")
_BLANK = " \t"


def front_matter(text: str) -> tuple[str, str]:
    r"""Split off a block of ``key: value`` lines between ``---`` at the start of a text.

    Examples:
        >>> front_matter("---\ntitle: A\n---\nText"), front_matter("---\nText\n---\n")[0]
        (('title: A\n', 'Text'), '')
    """
    line, start = _line(text, 0)
    if line.rstrip(_BLANK) != _RULE:
        return "", text
    begin = start
    while start < len(text):
        line, after = _line(text, start)
        if line.rstrip(_BLANK) == _RULE and start > begin:
            return text[begin:start], text[after:]
        if line and not _LINE.match(line):
            break
        start = after
    return "", text


def _line(text: str, start: int) -> tuple[str, int]:
    """The line that starts at an offset, and where the next one does."""
    end = text.find("\n", start)
    return (text[start:], len(text)) if end < 0 else (text[start:end], end + 1)


def title_of(front: str) -> str:
    r"""The title that a front matter gives, or ``""``.

    Examples:
        >>> title_of("lang: en\ntitle: 'A day'\n")
        'A day'
    """
    for line in front.split("\n"):
        key, colon, value = line.partition(":")
        if colon and key.rstrip(_BLANK) == "title":
            value = value.strip(_BLANK)
            return value[1:-1] if len(value) > 1 and value[0] == value[-1] in "'\"" else value
    return ""
