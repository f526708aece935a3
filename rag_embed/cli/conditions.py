"""Filter conditions as typed on a command line: ``year>=2020``, ``lang=en``, ``tags~news``."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from rag_embed.errors import BadInput
from rag_embed.fields import BUILT_IN, Fields
from rag_embed.filters import And, Compare, Filter, Has, Operator, Scalar

_CONDITION = re.compile(r"(\w+)\s*(==|!=|<=|>=|=|<|>|~)(.*)", re.DOTALL)
_OPERATORS: dict[str, Operator] = {"=": "==", "==": "==", "!=": "!="}
_OPERATORS |= {"<": "<", "<=": "<=", ">": ">", ">=": ">="}


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


_READ: dict[str, Callable[[str], Scalar]] = {"int": int, "float": float, "bool": _boolean}


def parsed(conditions: Sequence[str], fields: Fields) -> Filter | None:
    """All conditions joined by *and*; values are read by the type of their field.

    Raises:
        BadInput: A condition cannot be read.

    Examples:
        >>> parsed(["year>=2020"], Fields({"year": "int"}))
        Compare(field='year', op='>=', value=2020)
    """
    filters = tuple(_one(condition, fields) for condition in conditions)
    return None if not filters else filters[0] if len(filters) == 1 else And(filters)


def _one(condition: str, fields: Fields) -> Filter:
    match = _CONDITION.fullmatch(condition.strip())
    if match is None:
        raise BadInput(f"Cannot read the condition {condition!r}; write year>=2020 or tags~news.")
    name, operator, text = match.group(1), match.group(2), match.group(3).strip()
    kind = {**BUILT_IN, **fields.types}.get(name, "str")
    if operator == "~":
        return Has(name, text)
    try:
        value = _READ.get(kind, str)(text)
    except ValueError as error:
        raise BadInput(f"Field {name!r} is {kind}; {text!r} in {condition!r} is not.") from error
    return Compare(name, _OPERATORS[operator], value)
