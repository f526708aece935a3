"""What a filter means, row by row: the definition that every store must agree with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rag_embed.filters.nodes import (
    METADATA,
    And,
    Compare,
    Contains,
    Filter,
    Has,
    In,
    Leaf,
    Missing,
    Not,
    Or,
)
from rag_embed.values import KINDS, Scalar, time_of

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda a, b: bool(a < b),
    "<=": lambda a, b: bool(a <= b),
    ">": lambda a, b: bool(a > b),
    ">=": lambda a, b: bool(a >= b),
}


def matches(where: Filter, row: Mapping[str, Any]) -> bool:
    """Whether one row matches.

    Args:
        where: The filter.
        row: Column values; a column that is absent or ``None`` is missing. Under ``"metadata"``
            the whole metadata, for names that begin with ``metadata.``.
    """
    match where:
        case And(parts):
            return all(matches(part, row) for part in parts)
        case Or(parts):
            return any(matches(part, row) for part in parts)
        case Not(part):
            return not matches(part, row)
        case _:
            return _leaf_matches(where, value_of(row, where.field))


def _leaf_matches(leaf: Leaf, value: object) -> bool:
    match leaf:
        case Missing():
            return value is None
        case Has(_, element):
            return isinstance(value, list | tuple) and _equal(value, element)
        case In(_, values):
            return any(_equal(value, one) for one in values)
        case Contains(_, text, ignore_case):
            if not isinstance(value, str):
                return False
            return text.lower() in value.lower() if ignore_case else text in value
        case Compare(_, "==", other):
            return _equal(value, other)
        case Compare(_, "!=", other):
            return value is not None and not _equal(value, other)
        case Compare(_, op, other):
            comparable = _alike(value, other)
            return comparable is not None and _ORDER[op](comparable, other)


def _equal(value: object, other: Scalar) -> bool:
    """Whether a value, or an element of the list that it is, equals another."""
    if isinstance(value, list | tuple):
        return any(_alike(one, other) == other for one in value)
    return bool(_alike(value, other) == other)


def _alike(value: object, other: Scalar) -> Any:  # noqa: ANN401
    """A stored value as what has the other's kind; None where it has not."""
    kind = KINDS[type(other)]
    if kind == "time":
        return time_of(value)
    return value if KINDS.get(type(value)) == kind else None


def value_of(row: Mapping[str, Any], name: str) -> object:
    """A column's value, or what a name such as ``metadata.author.name`` leads to.

    Args:
        row: As in `matches`.
        name: The name in a filter.
    """
    if name in row or not name.startswith(METADATA):
        return row.get(name)
    path = name.removeprefix(METADATA)
    inside: object = row.get("metadata")
    while isinstance(inside, Mapping):
        if path in inside:
            return inside[path]
        key, _, path = path.partition(".")
        inside = inside.get(key)
    return None
