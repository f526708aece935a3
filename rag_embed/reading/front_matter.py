"""Front matter: what a Markdown file says of itself, as YAML between ``---`` or TOML between ``+++``.

Values are those that metadata can be filtered on: texts, numbers, truth values, and lists of them. Dates
and times stay text in ISO form; what only YAML 1.1 takes for something else (``yes``, ``10:30``) is text
too. Nested mappings are left alone. Nothing here takes more than time in proportion to the text: lines
are looked at once, and a parser gets no more than `_LONGEST` characters.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from datetime import date, datetime, time
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from yaml import Node

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_LONGEST = 20_000
"""Characters of a front matter whose values are read."""

_RULES = {"---": ("---", "..."), "+++": ("+++",)}
_LINE = re.compile(r"[^\s#:\[\]{}][^:\n]{0,80}:(?:\s|$)|[ \t#-]|$")
_KEY = re.compile(r"[^\s#:\[\]{}-][^:\n]{0,80}:(?:\s|$)")
_NUMBER = re.compile(
    r"[-+]?(?:0|[1-9]\d{0,17})(\.\d{0,30})?(e[-+]?\d{1,2})?", re.ASCII | re.IGNORECASE
)
_BLANK = " \t"
_OPENING = tuple("[{\"'&*!|>%@`")
"""What a value begins with that YAML reads as more than a text."""
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}

Plain: TypeAlias = str | int | float | bool | None
Values: TypeAlias = dict[str, Plain | list[Plain]]


def front_matter(text: str) -> tuple[str, str]:
    r"""Split off a block of values between rules at the start of a text.

    Examples:
        >>> front_matter("---\ntitle: A\n---\nText"), front_matter("---\nText\n---\n")[0]
        (('title: A\n', 'Text'), '')
    """
    line, begin = _line(text, 0)
    rule = line.rstrip(_BLANK)
    if rule not in _RULES:
        return "", text
    start, plain, keyed = begin, rule == "---", False
    while start < len(text):
        line, after = _line(text, start)
        if line.rstrip(_BLANK) in _RULES[rule] and start > begin:
            front = text[begin:start]
            known = (plain and keyed) or (len(front) <= _LONGEST and _is_mapping(front, rule))
            return (front, text[after:]) if known else ("", text)
        plain, keyed = plain and bool(_LINE.match(line)), keyed or bool(_KEY.match(line))
        if not plain and after - begin > _LONGEST:
            break
        start = after
    return "", text


def _line(text: str, start: int) -> tuple[str, int]:
    """The line that starts at an offset, and where the next one does."""
    end = text.find("\n", start)
    return (text[start:], len(text)) if end < 0 else (text[start:end], end + 1)


def _is_mapping(front: str, rule: str) -> bool:
    return (_toml(front) if rule == "+++" else _yaml(front)) is not None


def values_of(front: str) -> Values:
    r"""The values at the margin of a front matter; keys without one, and what is no such value, left out.

    Where a part is not as YAML has it, the others are read, and what stands behind its key is text.

    Examples:
        >>> values_of("year: 2020 # printed\ntags: [fox, 'sea, blue']\nby:\n  name: Zoë\ndraft: true\n")
        {'year': 2020, 'tags': ['fox', 'sea, blue'], 'draft': True}
        >>> values_of("title: Foxes: a study\n"), values_of("day = 2024-05-01\n")
        ({'title': 'Foxes: a study'}, {'day': '2024-05-01'})
    """
    if len(front) > _LONGEST:
        return {}
    values = _yaml(front)
    if values is None:
        values = _toml(front)
    if values is not None:
        return values
    found: Values = {}
    for block in _blocks(front):
        values = _yaml(block)
        key, _, rest = block.partition(":")
        if values is None and "\n" not in rest.strip():
            values = {key.strip(): rest.strip()}
        found.update(values or {})
    return found


def fault_of(front: str) -> tuple[int, str]:
    r"""The line of the file where a front matter cannot be read as it is meant, and why; or ``(0, "")``.

    A text that YAML would have in quotes, such as one with a colon, is read as it is meant.

    Examples:
        >>> fault_of("year: 2020\ntags: [fox, sea\n")
        (3, 'front matter is no valid YAML: the value is read as text, or not at all')
        >>> fault_of("title: Foxes: a study\n")
        (0, '')
    """
    if len(front) > _LONGEST:
        return 1, f"front matter of more than {_LONGEST} characters: its values are not read"
    if _yaml(front) is not None or _toml(front) is not None:
        return 0, ""
    for block in _blocks(front):
        value = block.partition(":")[2].strip()
        if _yaml(block) is None and ("\n" in value or value.startswith(_OPENING)):
            line = front.count("\n", 0, front.index(block)) + 2
            return line, "front matter is no valid YAML: the value is read as text, or not at all"
    return 0, ""


def title_of(front: str) -> str:
    r"""The title that a front matter gives, or ``""``.

    Examples:
        >>> title_of("lang: en\ntitle: >-\n  A day\n  at sea\n")
        'A day at sea'
    """
    if len(front) > _LONGEST:
        first = next((one for one in front.split("\n") if one.startswith("title:")), "")
        return " ".join(first.removeprefix("title:").split())
    values = values_of(front)
    title = values.get("title", values.get("Title"))
    if title is None or isinstance(title, list | bool):
        return ""
    return " ".join(str(title).split())


def _blocks(front: str) -> Iterator[str]:
    """Each key at the margin with the lines that belong to it."""
    block = ""
    for line in front.splitlines(keepends=True):
        if _KEY.match(line):
            if block:
                yield block
            block = line
        elif block:
            block += line
    if block:
        yield block


def _yaml(front: str) -> Values | None:
    """The values of YAML; None where it is none, or no mapping."""
    import yaml

    try:
        node = yaml.compose(front, Loader=yaml.BaseLoader)
    except (yaml.YAMLError, RecursionError, ValueError):
        return None
    if node is None:
        return {}
    if not isinstance(node, yaml.MappingNode):
        return None
    found: Values = {}
    for key, value in node.value:
        if isinstance(key, yaml.ScalarNode):
            found.pop(key.value, None)
            _put(found, key.value, value)
    return found


def _put(found: Values, key: str, node: Node) -> None:
    import yaml

    if isinstance(node, yaml.ScalarNode):
        value = _scalar(node)
        if value is not None:
            found[key] = value
    elif isinstance(node, yaml.SequenceNode) and all(
        isinstance(one, yaml.ScalarNode) for one in node.value
    ):
        found[key] = [_scalar(one) for one in node.value]


def _scalar(node: Node) -> Plain:
    text: str = node.value
    if node.style is not None:
        return text.strip() if node.style in ("|", ">") else text
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    number = _NUMBER.fullmatch(text)
    if number is not None:
        return float(text) if number.group(1) or number.group(2) else int(text)
    return text


def _toml(front: str) -> Values | None:
    """The values of TOML; None where it is none."""
    if len(front) > _LONGEST:
        return None
    try:
        table = tomllib.loads(front)
    except (ValueError, RecursionError):  # it also refuses numbers of thousands of digits
        return None
    found: Values = {}
    for key, value in table.items():
        several = value if isinstance(value, list) else [value]
        plain = [
            one.isoformat() if isinstance(one, date | datetime | time) else one for one in several
        ]
        if all(isinstance(one, str | int | float) for one in plain):
            found[key] = plain if isinstance(value, list) else plain[0]
    return found
