"""Typed filters: ``field("year") >= 2020``, combined with ``&``, ``|`` and ``~``.

A filter is data. Stores compile it (never to a string made by hand) or call `matches`.
Logic is two-valued: a comparison with a missing value is false, and ``~`` inverts that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from rag_embed.errors import BadInput

Scalar: TypeAlias = str | int | float | bool
Operator: TypeAlias = Literal["==", "!=", "<", "<=", ">", ">="]


class _Combinable:
    __slots__ = ()

    def __and__(self, other: Filter) -> And:
        return And((_checked(self), _checked(other)))

    def __or__(self, other: Filter) -> Or:
        return Or((_checked(self), _checked(other)))

    def __invert__(self) -> Not:
        return Not(_checked(self))

    def __bool__(self) -> bool:
        raise BadInput("A filter has no truth value; combine filters with & | ~, not and/or/not.")


@dataclass(frozen=True, slots=True)
class Compare(_Combinable):
    """``field <op> value``."""

    field: str
    op: Operator
    value: Scalar


@dataclass(frozen=True, slots=True)
class In(_Combinable):
    """The field's value is one of ``values``. No values match nothing."""

    field: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Has(_Combinable):
    """The field is a list that contains ``value``."""

    field: str
    value: Scalar


@dataclass(frozen=True, slots=True)
class Missing(_Combinable):
    """The field has no value."""

    field: str


@dataclass(frozen=True, slots=True)
class And(_Combinable):
    """All of ``parts`` match."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Or(_Combinable):
    """At least one of ``parts`` matches."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Not(_Combinable):
    """``part`` does not match."""

    part: Filter


Filter: TypeAlias = Compare | In | Has | Missing | And | Or | Not


def _checked(value: object) -> Filter:
    if isinstance(value, Compare | In | Has | Missing | And | Or | Not):
        return value
    raise BadInput(f"Expected a filter such as field('year') >= 2020, got {type(value).__name__}.")


def _scalar(value: object) -> Scalar:
    if isinstance(value, str | bool | int | float):
        return value
    raise BadInput(
        f"A filter compares with str, int, float or bool, got {type(value).__name__}. "
        "For a missing value use field(name).is_missing()."
    )


class Field:
    """A column to compare: one of the declared ``fields``, or ``id``, ``doc_id``, ``title``.

    Examples:
        >>> recent = (field("year") >= 2020) & field("lang").is_in(["en", "de"])
        >>> matches(recent, {"year": 2024, "lang": "de"})
        True
        >>> matches(recent, {"year": 2024})
        False
    """

    __slots__ = ("name",)
    __hash__ = None  # type: ignore[assignment]  # == builds a filter, so a Field cannot be a key

    def __init__(self, name: str) -> None:
        if not isinstance(name, str) or not name:
            raise BadInput(f"A field name is a non-empty str, got {name!r}.")
        self.name = name

    def __eq__(self, value: object) -> Compare:  # type: ignore[override]
        return Compare(self.name, "==", _scalar(value))

    def __ne__(self, value: object) -> Compare:  # type: ignore[override]
        return Compare(self.name, "!=", _scalar(value))

    def __lt__(self, value: Scalar) -> Compare:
        return Compare(self.name, "<", _scalar(value))

    def __le__(self, value: Scalar) -> Compare:
        return Compare(self.name, "<=", _scalar(value))

    def __gt__(self, value: Scalar) -> Compare:
        return Compare(self.name, ">", _scalar(value))

    def __ge__(self, value: Scalar) -> Compare:
        return Compare(self.name, ">=", _scalar(value))

    def is_in(self, values: Sequence[Scalar]) -> In:
        """The value is one of ``values``."""
        if isinstance(values, str):
            raise BadInput("is_in() takes a list of values, got one str; wrap it in a list.")
        return In(self.name, tuple(_scalar(value) for value in values))

    def has(self, value: Scalar) -> Has:
        """The field is a list that contains ``value``."""
        return Has(self.name, _scalar(value))

    def is_missing(self) -> Missing:
        """The field has no value."""
        return Missing(self.name)


def field(name: str) -> Field:
    """Name a column for a filter; see `Field`."""
    return Field(name)


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda a, b: bool(a == b),
    "!=": lambda a, b: bool(a != b),
    "<": lambda a, b: bool(a < b),
    "<=": lambda a, b: bool(a <= b),
    ">": lambda a, b: bool(a > b),
    ">=": lambda a, b: bool(a >= b),
}


def matches(where: Filter, row: Mapping[str, Any]) -> bool:
    """Whether one row matches: the definition every store must agree with.

    Args:
        where: The filter.
        row: Column values; a column that is absent or ``None`` is missing.
    """
    match where:
        case And(parts):
            return all(matches(part, row) for part in parts)
        case Or(parts):
            return any(matches(part, row) for part in parts)
        case Not(part):
            return not matches(part, row)
        case Missing(name):
            return row.get(name) is None
        case Has(name, value):
            return value in (row.get(name) or ())
        case In(name, values):
            return row.get(name) is not None and row[name] in values
        case Compare(name, op, value):
            return row.get(name) is not None and _OPERATORS[op](row[name], value)


def columns(where: Filter) -> frozenset[str]:
    """Names of all columns a filter reads.

    Examples:
        >>> sorted(columns((field("a") == 1) | ~field("b").is_missing()))
        ['a', 'b']
    """
    match where:
        case And(parts) | Or(parts):
            return frozenset[str]().union(*(columns(part) for part in parts))
        case Not(part):
            return columns(part)
        case _:
            return frozenset({where.field})
