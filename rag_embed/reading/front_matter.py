"""Front matter: the block of ``key: value`` lines between ``---`` that a Markdown file begins with.

Read line by line, each once: patterns over many lines take time without end on some texts. Values are
those of YAML that metadata can be filtered on: texts, numbers, truth values, and lists of them. Dates
stay text in ISO form. Nested mappings, texts over several lines and references are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import TypeAlias

_RULE = "---"
_LINE = re.compile(r"[\w.-]+[ \t]*:|[ \t#-]")
_KEY = re.compile(r"([\w.-]+)[ \t]*:(?:[ \t]+(.*))?")
_ITEM = re.compile(r"[ \t]*-(?:[ \t]+(.*))?")
_NUMBER = re.compile(
    r"[-+]?(?:0|[1-9]\d{0,17})(\.\d{0,30})?(e[-+]?\d{1,2})?", re.ASCII | re.IGNORECASE
)
_QUOTED = re.compile(r"\"(?:[^\"\\]|\\[\"\\/])*\"|'(?:[^']|'')*'")
_BARE = re.compile(r"[^\"'\[\]{},#&*!|>%@`][^\[\]{},]*")
_ESCAPED = re.compile(r"\\(.)")
_BLANK = " \t"
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}

Plain: TypeAlias = str | int | float | bool | None


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


class _NoValue(Exception):
    """What stands there is none of the values that are read."""


def values_of(front: str) -> dict[str, Plain | list[Plain]]:
    r"""The values at the margin of a front matter; keys without one, and what is no such value, left out.

    Examples:
        >>> values_of("year: 2020 # printed\ntags: [fox, 'sea, blue']\nby:\n  name: Zoë\ndraft: true\n")
        {'year': 2020, 'tags': ['fox', 'sea, blue'], 'draft': True}
    """
    blocks: list[tuple[str, str, list[str]]] = []
    for line in front.split("\n"):
        match = _KEY.fullmatch(line)
        if match is not None:
            blocks.append((match.group(1), (match.group(2) or "").strip(_BLANK), []))
        elif blocks and line.strip(_BLANK) and not line.lstrip(_BLANK).startswith("#"):
            blocks[-1][2].append(line)
    found: dict[str, Plain | list[Plain]] = {}
    for key, text, below in blocks:
        found.pop(key, None)
        with suppress(_NoValue):
            value = _block(text, below)
            if value is not None:
                found[key] = value
    return found


def _block(text: str, below: Sequence[str]) -> Plain | list[Plain]:
    """What stands behind a key, or in the lines below it."""
    if not below:
        return _listed(text) if text.startswith("[") else _value(text)
    _end(text)
    return [_item(line) for line in below]


def _item(line: str) -> Plain:
    match = _ITEM.fullmatch(line)
    if match is None:
        raise _NoValue
    return _value((match.group(1) or "").strip(_BLANK))


def _listed(text: str) -> list[Plain]:
    """A list on one line: ``[a, "b, c"]``."""
    values: list[Plain] = []
    at = 1
    while True:
        while at < len(text) and text[at] in " \t,":
            at += 1
        if at < len(text) and text[at] == "]":
            _end(text[at + 1 :])
            return values
        match = _QUOTED.match(text, at) or _BARE.match(text, at)
        if match is None:
            raise _NoValue
        values.append(_value(match.group().rstrip(_BLANK)))
        at = match.end()


def _value(text: str) -> Plain:
    """One value; a comment may follow."""
    quoted = _QUOTED.match(text)
    if quoted is not None:
        _end(text[quoted.end() :])
        inner = quoted.group()[1:-1]
        return inner.replace("''", "'") if text[0] == "'" else _ESCAPED.sub(r"\1", inner)
    text = text.partition(" #")[0].rstrip(_BLANK)
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    number = _NUMBER.fullmatch(text)
    if number is not None:
        return float(text) if number.group(1) or number.group(2) else int(text)
    if not _BARE.match(text) or ": " in text:
        raise _NoValue
    return text


def _end(rest: str) -> None:
    """Check that nothing but a comment is left."""
    if rest.strip(_BLANK) and not rest.lstrip(_BLANK).startswith("#"):
        raise _NoValue


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
