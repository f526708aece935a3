"""Declared filter columns: their types, and the check that metadata fits them."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Any, TypeAlias

from rag_embed.errors import BadInput, class_of
from rag_embed.filters import (
    METADATA,
    Compare,
    Contains,
    Filter,
    Has,
    In,
    Leaf,
    Missing,
    Scalar,
    mapped,
    simplified,
)
from rag_embed.types import Document
from rag_embed.values import plain, time_of

READERS = "reader_ids"
"""Column of the groups that may read a chunk."""

BUILT_IN: Mapping[str, str] = {
    "id": "str",
    "doc_id": "str",
    "title": "str",
    "user_id": "str",
    READERS: "list[str]",
}
"""Columns of every chunk that a filter may name without a declaration."""

_OF_THE_INDEX = frozenset({"user_id", READERS})
"""Those of them that say who may read: an index filters on them by itself."""

SEPARATOR = "\x1f"
"""No element of a ``list[str]`` field holds it: a store may join the elements with it."""

_TYPES: Mapping[str, str] = {
    "str": "a text",
    "int": "a whole number of 64 bits",
    "float": "a number",
    "bool": "True or False",
    "list[str]": "a list of texts without U+001F",
    "datetime": "a datetime, or ISO text",
    "date": "a date, or ISO text without a time",
}
_MEANT: Mapping[str, str] = {
    **dict.fromkeys(("string", "text", "keyword", "char"), "str"),
    **dict.fromkeys(("integer", "long", "int32", "int64"), "int"),
    **dict.fromkeys(("number", "double", "decimal", "real", "float32", "float64"), "float"),
    "boolean": "bool",
    **dict.fromkeys(("list", "array", "tags", "list[string]", "str[]"), "list[str]"),
    **dict.fromkeys(("timestamp", "time", "date-time"), "datetime"),
}
"""Names of types elsewhere -> ours."""

_NAMES: Mapping[Any, str] = {
    str: "str",
    int: "int",
    float: "float",
    bool: "bool",
    list[str]: "list[str]",
    datetime: "datetime",
    date: "date",
}
_EXACT: Mapping[str, frozenset[type]] = {
    "str": frozenset({str}),
    "int": frozenset({int}),
    "float": frozenset({int, float}),
    "bool": frozenset({bool}),
    "list[str]": frozenset({str}),
    "datetime": frozenset({datetime}),
    "date": frozenset({datetime}),
}
"""What a filter's value has to be."""

FieldTypes: TypeAlias = Mapping[str, Any]
"""Field name -> ``str``, ``int``, ``float``, ``bool``, ``datetime``, ``date`` or ``list[str]`` (the type,
or its name)."""


@dataclass(frozen=True, slots=True)
class Fields:
    """The declared fields of an index, as ``{name: type name}``.

    Examples:
        >>> fields = Fields.of({"year": int, "tags": list[str]})
        >>> fields.values(Document("d", "text", metadata={"year": 2024, "other": 1}))
        {'year': 2024, 'tags': None}
    """

    types: Mapping[str, str]

    @classmethod
    def of(cls, types: FieldTypes) -> Fields:
        """Check a declaration.

        Raises:
            BadInput: An unknown type, or a name that is taken.
        """
        if not isinstance(types, Mapping):
            raise BadInput(
                f"fields is a dict of names and types, such as {{'year': int}}, got {class_of(types)}."
            )
        known = {}
        for name, kind in types.items():
            label = kind if isinstance(kind, str) else _NAMES.get(kind, "")
            if label not in _TYPES:
                meant = (
                    f"; did you mean {_MEANT[label.lower()]!r}?" if label.lower() in _MEANT else "."
                )
                raise BadInput(
                    f"Field {name!r}: {reprlib.repr(kind)} is no type{meant} Types are {', '.join(_TYPES)}."
                )
            taken = [*BUILT_IN, "metadata"]
            if not isinstance(name, str) or not name.isidentifier() or name in taken:
                raise BadInput(f"Field {name!r}: a name is an identifier other than {taken}.")
            known[name] = label
        return cls(known)

    @property
    def known(self) -> list[str]:
        """Names that a person may filter on, sorted: declared fields, and what every chunk has."""
        return sorted({*BUILT_IN, *self.types} - _OF_THE_INDEX)

    @property
    def dates(self) -> tuple[str, ...]:
        """Names of the fields that hold dates."""
        return tuple(name for name, kind in self.types.items() if kind in ("date", "datetime"))

    def check_dates(self, name: str) -> None:
        """Refuse a field that holds no dates.

        Raises:
            BadInput: It is none of `dates`.
        """
        if name not in self.dates:
            raise BadInput(f"{name!r} is no declared field of dates; those are {list(self.dates)}.")

    def values(self, document: Document) -> dict[str, Any]:
        """The document's values for all declared fields, ``None`` where it has none.

        Raises:
            BadInput: A value has the wrong type.
        """
        return {name: self._checked(document, name) for name in self.types}

    def _checked(self, document: Document, name: str) -> Any:  # noqa: ANN401
        given = document.metadata.get(name)
        if given is None:
            return None
        kind = self.types[name]
        value = _stored(kind, plain({name: given}, f"Document {document.id!r}")[name])
        if value is None:
            raise BadInput(
                f"Document {document.id!r}: field {name!r} is declared as {kind}, {_TYPES[kind]}; "
                f"got {reprlib.repr(given)}. Correct the value or leave it out."
            )
        return value

    def fitting(self, document: Document) -> tuple[dict[str, Any], list[str]]:
        """`values` of a document that is stored, ``None`` too where one does not fit, and why it does not.

        Examples:
            >>> Fields({"year": "int"}).fitting(Document("d", "text", metadata={"year": "soon"}))[0]
            {'year': None}
        """
        values: dict[str, Any] = {}
        reasons = []
        for name in self.types:
            try:
                values[name] = self._checked(document, name)
            except BadInput as error:
                values[name] = None
                reasons.append(f"{error} Until then filters on {name!r} take it for missing.")
        return values, reasons

    def joined(self, more: Fields) -> Fields:
        """These fields, and more of them.

        Raises:
            BadInput: One is declared already, as another type.

        Examples:
            >>> dict(Fields({"year": "int"}).joined(Fields({"lang": "str"})).types)
            {'year': 'int', 'lang': 'str'}
        """
        for name, kind in more.types.items():
            if (known := self.types.get(name, kind)) != kind:
                raise BadInput(
                    f"Field {name!r} is declared as {known}, and stays so; {kind} takes a new index."
                )
        return Fields({**self.types, **more.types})

    def besides(self, known: Fields) -> Fields:
        """Those that are not among others."""
        return Fields({one: kind for one, kind in self.types.items() if one not in known.types})

    def resolved(self, where: Filter | None) -> Filter | None:
        """The filter on this index's columns, made simple: ``metadata.year`` is ``year`` if declared.

        Values become what their column holds: ISO text on a ``datetime`` or ``date`` a time, 0 and 1
        on a ``bool`` a truth value.

        Raises:
            BadInput: It reads a column that does not exist, or compares one with a value of
                another type.
        """
        if where is None:
            return None
        fitting: set[tuple[str, str, type]] = set()

        def resolved(leaf: Leaf) -> Leaf:
            """Those that fit as they are do so for the type of their value, which is seen once."""
            if not isinstance(leaf, Compare):
                return self._resolved(leaf)
            key = leaf.field, leaf.op, type(leaf.value)
            if key in fitting:
                return leaf
            new = self._resolved(leaf)
            if new is leaf:
                fitting.add(key)
            return new

        return mapped(simplified(where), resolved)

    def _resolved(self, leaf: Leaf) -> Leaf:
        key = leaf.field.removeprefix(METADATA)
        name = key if key in self.types else leaf.field
        kind = self.types.get(name) or BUILT_IN.get(name)
        if kind is not None:
            return _typed(leaf if name == leaf.field else replace(leaf, field=name), kind)
        if not name.startswith(METADATA):
            raise BadInput(
                f"Cannot filter on {name!r}: it is not a declared field. Known: "
                f"{self.known}. Declare it, with "
                f"index.contents.declare({{{name!r}: str}}) or its type, or write "
                f"field({METADATA + name!r}) to look into the metadata."
            )
        return leaf


def _stored(kind: str, value: Any) -> Any:  # noqa: ANN401
    """What a column of this kind holds for a value of `plain` metadata; None where it cannot."""
    if kind in ("datetime", "date"):
        moment = time_of(value)
        whole = moment is not None and moment.time() == time()
        return moment if whole or kind == "datetime" else None
    if kind == "list[str]":
        texts = isinstance(value, list) and all(isinstance(v, str) for v in value)
        return value if texts and not any(SEPARATOR in v for v in value) else None
    if type(value) not in _EXACT[kind] or (kind == "int" and not -(2**63) <= value < 2**63):
        return None
    try:
        return float(value) if kind == "float" else value
    except OverflowError:
        return None


def _typed(leaf: Leaf, kind: str) -> Leaf:
    """A comparison with values of the column's kind.

    Raises:
        BadInput: It makes no sense for this column.
    """
    listed = kind == "list[str]"
    match leaf:
        case Missing():
            return leaf
        case Contains() if kind == "str":
            return leaf
        case Has(_, value) if listed:
            return _with(leaf, kind, [value])
        case Compare(_, op, value) if not listed or op in ("==", "!="):
            return _with(leaf, kind, [value])
        case In(_, values):
            return _with(leaf, kind, values)
    asked = (
        "contains" if isinstance(leaf, Contains) else "has" if isinstance(leaf, Has) else leaf.op
    )
    advice = "has(value), == or is_in" if listed else "== or is_in"
    raise BadInput(f"Field {leaf.field!r} is a {kind}: use {advice}, not {asked}.")


def _with(leaf: Compare | Has | In, kind: str, values: Sequence[Scalar]) -> Leaf:
    """The comparison, with what the column holds in place of some values."""
    if _EXACT[kind].issuperset(map(type, values)):
        return leaf
    held = tuple(_value(leaf, kind, value) for value in values)
    return replace(leaf, values=held) if isinstance(leaf, In) else replace(leaf, value=held[0])


def _value(leaf: Leaf, kind: str, value: Scalar) -> Scalar:
    if type(value) in _EXACT[kind]:
        return value
    if kind == "bool" and type(value) is int and value in (0, 1):
        return bool(value)
    moment = time_of(value) if kind in ("datetime", "date") else None
    if moment is None:
        raise BadInput(
            f"Field {leaf.field!r} is a {kind}, {_TYPES[kind]}; cannot compare it with "
            f"{reprlib.repr(value)}."
        )
    return moment
