"""Filter conditions as typed on a command line: ``year>=2020``, ``tags~news``, ``title~contract``."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime, time
from math import isfinite

from rag_embed.errors import BadInput
from rag_embed.fields import BUILT_IN, Fields
from rag_embed.filters import METADATA, And, Compare, Field, Filter, Operator, Or, Scalar, field
from rag_embed.values import time_of

_CONDITION = re.compile(r"([^\s=!<>~]+)\s*(==|!=|<=|>=|=|<|>|~)(.*)", re.DOTALL)
_OPERATORS: dict[str, Operator] = {"=": "==", "==": "==", "!=": "!="}
_OPERATORS |= {"<": "<", "<=": "<=", ">": ">", ">=": ">="}


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        number = float(text)
        if not isfinite(number):
            raise ValueError(text) from None
        return number


def _time(text: str) -> Scalar:
    moment = time_of(text)
    if moment is None:
        raise ValueError(text)
    return moment


_PART = re.compile(r"/|\.\w+$")
"""What a part of a path has, and a tag has not: a slash, or the ending of a file."""

_READ: dict[str, Callable[[str], Scalar]] = {"int": int, "float": _number, "bool": _boolean}
_READ |= {"datetime": _time, "date": _time}


def parsed(conditions: Sequence[str], fields: Fields) -> Filter | None:
    """All conditions joined by *and*.

    ``~`` asks for an element of a list, or a part of a text. Values are read by the type of their
    field. What a key such as ``metadata.year`` holds nobody has declared: ``metadata.year=2020``
    finds the text and the number.

    Args:
        conditions: As typed.
        fields: The declared fields of the index.

    Raises:
        BadInput: A condition cannot be read.

    Examples:
        >>> parsed(["year>=2020"], Fields({"year": "int"}))
        Compare(field='year', op='>=', value=2020)
        >>> parsed(["metadata.year=2020"], Fields({}))
        In(field='metadata.year', values=('2020', 2020))
    """
    filters = [_one(condition, fields) for condition in conditions]
    return None if not filters else filters[0] if len(filters) == 1 else And(filters)


def _one(condition: str, fields: Fields) -> Filter:
    match = _CONDITION.fullmatch(condition.strip())
    if match is None:
        raise BadInput(
            f"Cannot read the condition {condition!r}; write year>=2020, tags~news, "
            "title~contract or metadata.author=Zoë."
        )
    name, sign, text = match.group(1), match.group(2), match.group(3).strip()
    known = {**BUILT_IN, **fields.types}
    kind = fields.types.get(name.removeprefix(METADATA)) or known.get(name)
    if kind is None and not name.startswith(METADATA):
        raise BadInput(
            f"{name!r} in {condition!r} is not a declared field. Those of this index: "
            f"{', '.join(fields.known)}. Declare it (rag-embed declare KB {_declared(name, sign, text)}), or "
            f"write metadata.{name} to look into the metadata{_of_ids(sign, text)}."
        )
    if kind is None:
        return _undeclared(field(name), sign, text)
    if sign == "~" and kind not in ("list[str]", "str"):
        raise BadInput(
            f"Field {name!r} is {kind}, and ~ asks what a list or a text holds: write {name}={text}."
        )
    if sign == "~":
        return field(name).has(text) if kind == "list[str]" else field(name).contains(text)
    try:
        value = _READ.get(kind, str)(text)
    except ValueError as error:
        raise BadInput(f"Field {name!r} is {kind}; {text!r} in {condition!r} is not.") from error
    return Compare(name, _OPERATORS[sign], value)


def _of_ids(sign: str, text: str) -> str:
    """That ids can be asked, where the value looks like a part of one; else nothing."""
    return f"; what an id holds is doc_id~{text}" if sign == "~" and _PART.search(text) else ""


def _declared(name: str, sign: str, text: str) -> str:
    """A field and the type that a condition on it takes it for, as one types it."""
    if sign == "~":
        many = f"'{name}:list[str]' where documents have a list, {name}:str where a text"
        return f"{name}:str" if _PART.search(text) else many
    for kind in ("int", "float", "date", "datetime", "bool"):
        try:
            value = _READ[kind](text)
        except ValueError:
            continue
        if kind != "date" or (isinstance(value, datetime) and value.time() == time()):
            return f"{name}:{kind}"
    return f"{name}:str"


def _undeclared(name: Field, sign: str, text: str) -> Filter:
    """A condition on what may be a text, a number, a truth value or a time."""
    read: list[Scalar] = []
    for reading in (_number, _time, _boolean):
        try:
            read.append(reading(text))
        except ValueError:
            continue
    values = [text, *read]
    if sign == "~":
        return Or((*(name.has(value) for value in values), name.contains(text)))
    if sign in ("=", "=="):
        return name.is_in(values)
    if sign == "!=":
        return ~name.is_in(values) & ~name.is_missing()
    return Compare(name.name, _OPERATORS[sign], (read or values)[0])
