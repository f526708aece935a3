"""The nodes that filters are made of: frozen, comparable, never deep."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from rag_embed.errors import BadInput
from rag_embed.text import storable
from rag_embed.values import KINDS, Scalar, scalar, shown

Operator: TypeAlias = Literal["==", "!=", "<", "<=", ">", ">="]

METADATA = "metadata."
"""The name of a metadata key begins with this where the key is not a declared field."""

_ENDS = 32
"""Parts at both ends of a chain that its hash is made of."""

DEEPEST = 100
"""Levels of ``&``, ``|`` and ``~`` within each other; a chain ``a | b | c | ...`` is one level."""


class _Node:
    """What all nodes share. Equal nodes mean the same: ``x == 1`` is not ``x == True``."""

    __slots__ = ("_hash",)
    _hash: int

    def _key(self) -> tuple[Any, ...]:
        """What makes two nodes of one class equal."""
        raise NotImplementedError

    def _sample(self) -> tuple[Any, ...]:
        """What two nodes with equal keys have in common: enough to tell most others apart."""
        return self._key()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Node):
            return NotImplemented
        return self is other or (type(self) is type(other) and self._key() == other._key())

    def __hash__(self) -> int:
        found: int | None = getattr(self, "_hash", None)
        if found is None:
            found = hash((type(self), self._sample()))
            object.__setattr__(self, "_hash", found)
        return found

    def __and__(self, other: Filter) -> And:
        return And((self, other))  # type: ignore[arg-type]

    def __or__(self, other: Filter) -> Or:
        return Or((self, other))  # type: ignore[arg-type]

    def __invert__(self) -> Filter:
        return self.part if isinstance(self, Not) else Not(self)  # type: ignore[arg-type]

    def __bool__(self) -> bool:
        raise BadInput("A filter has no truth value; combine filters with & | ~, not and/or/not.")


@dataclass(frozen=True, slots=True, eq=False)
class Compare(_Node):
    """``field <op> value``. Of a list, ``==`` asks whether an element is equal, ``!=`` if none is."""

    field: str
    op: Operator
    value: Scalar

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", comparable(self.value))

    def _key(self) -> tuple[Any, ...]:
        return self.field, self.op, KINDS[type(self.value)], self.value


@dataclass(frozen=True, slots=True, eq=False)
class In(_Node):
    """The field's value, or an element of the list that it is, is one of ``values``."""

    field: str
    values: tuple[Scalar, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", tuple(map(comparable, self.values)))

    def _key(self) -> tuple[Any, ...]:
        return self.field, tuple(KINDS[type(value)] for value in self.values), self.values


@dataclass(frozen=True, slots=True, eq=False)
class Has(_Node):
    """The field is a list that contains ``value``."""

    field: str
    value: Scalar

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", comparable(self.value))

    def _key(self) -> tuple[Any, ...]:
        return self.field, KINDS[type(self.value)], self.value


@dataclass(frozen=True, slots=True, eq=False)
class Contains(_Node):
    """The field is a text with ``text`` somewhere in it."""

    field: str
    text: str
    ignore_case: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.text, str):
            raise BadInput(f"contains() looks for a str, got {type(self.text).__name__}.")
        object.__setattr__(self, "text", storable(self.text))

    def _key(self) -> tuple[Any, ...]:
        return self.field, self.text, self.ignore_case


@dataclass(frozen=True, slots=True, eq=False)
class Missing(_Node):
    """The field has no value."""

    field: str

    def _key(self) -> tuple[Any, ...]:
        return (self.field,)


class _Chain(_Node):
    """Parts joined by one word. A chain ``a | b | c | ...`` is kept as it comes and read flat."""

    __slots__ = ("_flat", "_given", "depth")
    __match_args__ = ("parts",)
    _given: tuple[Filter, ...]
    _flat: tuple[Filter, ...]
    depth: int

    def __init__(self, parts: Iterable[Filter]) -> None:
        object.__setattr__(self, "_given", tuple(parts))
        object.__setattr__(self, "depth", _depth(self, self._given))

    @property
    def parts(self) -> tuple[Filter, ...]:
        """What is joined, from left to right; none of them is of the same class."""
        try:
            return self._flat
        except AttributeError:
            found: list[Filter] = []
            waiting = [*reversed(self._given)]
            while waiting:
                part = waiting.pop()
                if isinstance(part, And | Or) and type(part) is type(self):
                    waiting.extend(reversed(part._given))
                else:
                    found.append(part)
            object.__setattr__(self, "_flat", tuple(found))
            return self._flat

    def _key(self) -> tuple[Any, ...]:
        return self.parts

    def _sample(self) -> tuple[Any, ...]:
        return len(self.parts), self.parts[:_ENDS], self.parts[-_ENDS:]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(parts={self.parts!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.parts,)


@dataclass(frozen=True, slots=True, init=False, eq=False, repr=False, match_args=False)
class And(_Chain):
    """All of ``parts`` match."""


@dataclass(frozen=True, slots=True, init=False, eq=False, repr=False, match_args=False)
class Or(_Chain):
    """At least one of ``parts`` matches."""


@dataclass(frozen=True, slots=True, eq=False)
class Not(_Node):
    """``part`` does not match."""

    part: Filter
    depth: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "depth", _depth(self, (self.part,)))

    def _key(self) -> tuple[Any, ...]:
        return (self.part,)


Leaf: TypeAlias = Compare | In | Has | Contains | Missing
Filter: TypeAlias = Leaf | And | Or | Not

_LEAVES = frozenset({Compare, In, Has, Contains, Missing})


def comparable(value: object) -> Scalar:
    """The value as something that a filter compares with.

    Raises:
        BadInput: It is of no kind that has an order, or NaN.
    """
    found = scalar(value)
    if found is None:
        raise BadInput(
            "A filter compares with a str, int, float, bool, date or datetime, got what is "
            f"{shown(value)}. For a missing value use field(name).is_missing()."
        )
    if found != found:
        raise BadInput(
            "A filter cannot compare with NaN, which equals nothing and has no order. For a missing "
            "value use field(name).is_missing()."
        )
    return found


def _depth(node: _Node, parts: Iterable[Filter]) -> int:
    """Levels of a new node; a chain within a chain of its kind is no further level.

    Raises:
        BadInput: There are too many, or a part is no filter.
    """
    deepest = 1
    for part in parts:
        if type(part) in _LEAVES:
            continue
        if not isinstance(part, And | Or | Not):
            raise BadInput(
                f"Expected a filter such as field('year') >= 2020, got {type(part).__name__}."
            )
        joined = isinstance(node, _Chain) and type(part) is type(node)
        deepest = max(deepest, part.depth if joined else part.depth + 1)
    if deepest > DEEPEST:
        raise too_deep()
    return deepest


def too_deep() -> BadInput:
    """The error for a filter that is nested too deeply, for whoever translates other filters too."""
    return BadInput(
        f"A filter is nested more than {DEEPEST} levels deep. Join many conditions side by side, in "
        "one and, or, or list of values."
    )
