"""Filters of a call: a JSON schema made of the declared fields, and the filter that a value means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rag_embed.fields import Fields
from rag_embed.filters import (
    And,
    Compare,
    Contains,
    Filter,
    Has,
    In,
    Missing,
    Not,
    Operator,
    Scalar,
)
from rag_embed.serving.parameters import Refused, brief, wrong
from rag_embed.text import storable
from rag_embed.values import time_of

_BUILT_IN: Mapping[str, str] = {"doc_id": "str", "title": "str"}
_MOST = 100
"""Values of a list at most."""

_OPERATORS: Mapping[str, Operator] = {"ne": "!=", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
_ORDERED = ("int", "float", "datetime", "date")
_SCHEMAS: Mapping[str, dict[str, Any]] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "list[str]": {"type": "string"},
    "datetime": {"type": "string", "format": "date-time"},
    "date": {"type": "string", "format": "date"},
}
_WORDS: Mapping[str, str] = {
    "str": "a text",
    "int": "a whole number of 64 bits",
    "float": "a number",
    "bool": "true or false",
    "list[str]": "a text",
    "datetime": "a time such as 2024-05-01T09:30:00Z",
    "date": "a date such as 2024-05-01",
}


@dataclass(frozen=True, slots=True)
class Conditions:
    """An object of conditions on fields, all of which must hold.

    A field is given a value that it equals, a list of which it equals one, or an object of operators
    (``{"gte": 2020}``). Of a list a condition asks for an element.

    Attributes:
        fields: Field -> kinds that it has, one or, over several indexes, more.

    Examples:
        >>> conditions = Conditions.of([Fields({"year": "int"})])
        >>> given = conditions.read("filters", {"year": {"gte": 2020}})
        >>> Conditions.filter(given, Fields({"year": "int"}))
        Compare(field='year', op='>=', value=2020)
    """

    fields: Mapping[str, tuple[str, ...]]
    needed: bool = False

    @classmethod
    def of(cls, declared: list[Fields]) -> Conditions:
        """Those on the fields of several indexes, and on a document's id and title."""
        kinds: dict[str, tuple[str, ...]] = {name: (kind,) for name, kind in _BUILT_IN.items()}
        for fields in declared:
            for name, kind in fields.types.items():
                kinds[name] = tuple(dict.fromkeys([*kinds.get(name, ()), kind]))
        return cls(kinds)

    @property
    def schema(self) -> dict[str, Any]:
        """See `Parameter`."""
        return {
            "type": "object",
            "properties": {name: _field_schema(kinds) for name, kinds in self.fields.items()},
            "additionalProperties": False,
            "description": "Only documents of which all of these hold: field -> the value it "
            "equals, a list of which it equals one, or an object of operators.",
        }

    def read(self, name: str, value: object, /) -> Mapping[str, object]:
        """See `Parameter`: the conditions as given, of known fields; `filter` reads their values."""
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise wrong(name, "an object such as {field: value}", value)
        for field in value:
            if field not in self.fields:
                known = ", ".join(sorted(self.fields))
                raise Refused(f"{name} knows {known}, not {brief(field)}.")
        given = {field: one for field, one in value.items() if one is not None}
        for field, kinds in self.fields.items():
            if field in given and len(kinds) == 1:
                _condition(f"{name}.{field}", field, kinds[0], given[field])
        return given

    @staticmethod
    def filter(given: Mapping[str, object], fields: Fields, name: str = "filters") -> Filter | None:
        """The filter that conditions mean in an index with these fields; None of none.

        Args:
            given: What `read` gave.
            fields: Those of the index.
            name: What the caller calls the argument.

        Raises:
            Refused: A field is not one of the index, or a value is not one of the field's.
        """
        kinds = {**_BUILT_IN, **fields.types}
        if missing := [field for field in given if field not in kinds]:
            raise Refused(f"There is no field {missing[0]} here.")
        parts = [
            _condition(f"{name}.{field}", field, kinds[field], value)
            for field, value in given.items()
        ]
        return None if not parts else parts[0] if len(parts) == 1 else And(parts)

    @staticmethod
    def fits(given: Mapping[str, object], fields: Fields) -> bool:
        """Whether an index has all the fields."""
        return given.keys() <= {**_BUILT_IN, **fields.types}.keys()


def _field_schema(kinds: tuple[str, ...]) -> dict[str, Any]:
    forms: list[dict[str, Any]] = []
    for kind in kinds:
        one = _SCHEMAS[kind]
        operators = {**{op: one for op in _operators(kind)}, "missing": {"type": "boolean"}}
        asked = {"type": "object", "properties": operators, "additionalProperties": False}
        forms += [one, {"type": "array", "items": one}, asked]
    return {"anyOf": forms, "description": " or ".join(kinds)}


def _operators(kind: str) -> tuple[str, ...]:
    if kind in _ORDERED:
        return tuple(_OPERATORS)
    return {"str": ("ne", "contains"), "list[str]": ()}.get(kind, ("ne",))


def _condition(said: str, name: str, kind: str, given: object) -> Filter:
    """What a field is asked; ``said`` is what the caller calls it.

    Raises:
        Refused: It cannot be.
    """
    if isinstance(given, list):
        return _among(said, name, kind, given)
    if not isinstance(given, dict):
        value = _value(said, kind, given)
        return Has(name, value) if kind == "list[str]" else Compare(name, "==", value)
    allowed = (*_operators(kind), "missing")
    for op in given:
        if op not in allowed:
            raise Refused(f"{said} takes {', '.join(allowed)}, not {brief(op)}.")
    if not given:
        raise Refused(f"{said} is an empty object; give one of {', '.join(allowed)}.")
    parts = [_asked(said, name, kind, op, value) for op, value in given.items()]
    return parts[0] if len(parts) == 1 else And(parts)


def _asked(said: str, name: str, kind: str, op: str, given: object) -> Filter:
    """What an operator asks."""
    if op == "missing":
        if not isinstance(given, bool):
            raise wrong(f"{said}.missing", "true or false", given)
        return Missing(name) if given else Not(Missing(name))
    value = _value(said, kind, given)
    return Contains(name, str(value)) if op == "contains" else Compare(name, _OPERATORS[op], value)


def _among(said: str, name: str, kind: str, given: Sequence[object]) -> Filter:
    if not 1 <= len(given) <= _MOST:
        raise Refused(f"{said} lists 1 to {_MOST} values, got {len(given)}.")
    return In(name, tuple(_value(said, kind, one) for one in given))


def _value(said: str, kind: str, given: object) -> Scalar:
    """What a column of this kind is compared with."""
    if kind in ("datetime", "date"):
        moment = time_of(given) if isinstance(given, str) else None
        if moment is not None:
            return moment
    elif kind == "bool":
        if isinstance(given, bool):
            return given
    elif kind in ("int", "float"):
        number = _number(kind, given)
        if number is not None:
            return number
    elif isinstance(given, str):
        return storable(given)
    raise wrong(said, _WORDS[kind], given)


def _number(kind: str, given: object) -> int | float | None:
    """A number that a column of this kind may hold; None where it is none."""
    if isinstance(given, bool) or not isinstance(given, int | float):
        return None
    if not -(2**63) <= given < 2**63:  # NaN is not either
        return None
    if kind == "float":
        return float(given)
    return int(given) if given == int(given) else None
