"""Typed filters: ``field("year") >= 2020``, combined with ``&``, ``|`` and ``~``.

A filter is data. Stores compile it (never to a string made by hand) or call `matches`.
Logic is two-valued: a comparison with a missing value is false, and ``~`` inverts that.
Text, numbers and truth values are three kinds: values of different kinds are unequal and have no
order, so ``1`` is not ``True`` and ``"2020"`` not greater than ``2019``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from rag_embed.errors import BadInput

Scalar: TypeAlias = str | int | float | bool
Operator: TypeAlias = Literal["==", "!=", "<", "<=", ">", ">="]

METADATA = "metadata."
"""The name of a metadata key begins with this where the key is not a declared field."""


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
class Contains(_Combinable):
    """The field is a text with ``text`` somewhere in it."""

    field: str
    text: str
    ignore_case: bool = False


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


Leaf: TypeAlias = Compare | In | Has | Contains | Missing
Filter: TypeAlias = Leaf | And | Or | Not


def _checked(value: object) -> Filter:
    if isinstance(value, Compare | In | Has | Contains | Missing | And | Or | Not):
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
    """A value to compare: one of the declared ``fields``, or ``id``, ``doc_id``, ``title``.

    ``field("metadata.source")`` reads any key of the metadata without a declaration, and
    ``field("metadata.author.name")`` a nested one. Such a filter looks at every chunk's metadata,
    where a declared field is a column; and a misspelt key is not noticed.

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

    def contains(self, text: str, *, ignore_case: bool = False) -> Contains:
        """The value is a text that has ``text`` somewhere in it."""
        if not isinstance(text, str):
            raise BadInput(f"contains() looks for a str, got {type(text).__name__}.")
        return Contains(self.name, text, ignore_case)

    def is_missing(self) -> Missing:
        """The field has no value."""
        return Missing(self.name)


def field(name: str) -> Field:
    """Name a column for a filter; see `Field`."""
    return Field(name)


_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda a, b: bool(a < b),
    "<=": lambda a, b: bool(a <= b),
    ">": lambda a, b: bool(a > b),
    ">=": lambda a, b: bool(a >= b),
}


def matches(where: Filter, row: Mapping[str, Any]) -> bool:
    """Whether one row matches: the definition every store must agree with.

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
            return _leaf_matches(where, _value(row, where.field))


def _leaf_matches(leaf: Leaf, value: object) -> bool:
    match leaf:
        case Missing():
            return value is None
        case Has(_, element):
            return isinstance(value, list | tuple) and any(_equal(v, element) for v in value)
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
            return _kind(value) == _kind(other) is not None and _ORDER[op](value, other)


def _kind(value: object) -> str | None:
    """Kind of a scalar; None for anything else."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    return "str" if isinstance(value, str) else None


def _equal(one: object, other: Scalar) -> bool:
    return _kind(one) == _kind(other) and one == other


def _value(row: Mapping[str, Any], name: str) -> object:
    """A column's value, or what a name such as ``metadata.author.name`` leads to."""
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


def columns(where: Filter) -> frozenset[str]:
    """Names of all columns a filter reads.

    Examples:
        >>> sorted(columns((field("a") == 1) | ~field("b").is_missing()))
        ['a', 'b']
    """
    return frozenset(leaf.field for leaf in leaves(where))


def leaves(where: Filter) -> list[Leaf]:
    """All comparisons of a filter, from left to right."""
    match where:
        case And(parts) | Or(parts):
            return [leaf for part in parts for leaf in leaves(part)]
        case Not(part):
            return leaves(part)
        case _:
            return [where]


def renamed(where: Filter, names: Callable[[str], str]) -> Filter:
    """The same filter on other columns.

    Examples:
        >>> renamed(~(field("a") == 1), str.upper)
        Not(part=Compare(field='A', op='==', value=1))
    """
    match where:
        case And(parts):
            return And(tuple(renamed(part, names) for part in parts))
        case Or(parts):
            return Or(tuple(renamed(part, names) for part in parts))
        case Not(part):
            return Not(renamed(part, names))
        case _:
            return replace(where, field=names(where.field))
