"""Declared filter columns: their types, and the check that metadata fits them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeGuard

from rag_embed.errors import BadInput
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
    columns,
    leaves,
    renamed,
)
from rag_embed.types import Document

BUILT_IN: Mapping[str, str] = {"id": "str", "doc_id": "str", "title": "str", "user_id": "str"}
"""Columns of every chunk that a filter may name without a declaration."""

_TYPES: Mapping[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (float, int),
    "bool": (bool,),
}
_NAMES = {str: "str", int: "int", float: "float", bool: "bool", list[str]: "list[str]"}

FieldTypes: TypeAlias = Mapping[str, Any]
"""Field name -> ``str``, ``int``, ``float``, ``bool`` or ``list[str]`` (the type, or its name)."""


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
        known = {}
        for name, kind in types.items():
            label = kind if isinstance(kind, str) else _NAMES.get(kind, "")
            if label not in _NAMES.values():
                raise BadInput(f"Field {name!r}: the type must be one of {list(_NAMES.values())}.")
            taken = [*BUILT_IN, "metadata"]
            if not isinstance(name, str) or not name.isidentifier() or name in taken:
                raise BadInput(f"Field {name!r}: a name is an identifier other than {taken}.")
            known[name] = label
        return cls(known)

    def values(self, document: Document) -> dict[str, Any]:
        """The document's values for all declared fields, ``None`` where it has none.

        Raises:
            BadInput: A value has the wrong type.
        """
        return {name: self._checked(document, name) for name in self.types}

    def _checked(self, document: Document, name: str) -> Any:  # noqa: ANN401
        value = document.metadata.get(name)
        kind = self.types[name]
        if value is None:
            return None
        if kind == "list[str]":
            if isinstance(value, list | tuple) and all(isinstance(v, str) for v in value):
                return list(value)
        elif isinstance(value, _TYPES[kind]) and (kind == "bool" or not isinstance(value, bool)):
            return float(value) if isinstance(value, int) and kind == "float" else value
        raise BadInput(
            f"Document {document.id!r}: field {name!r} is declared as {kind}, got {value!r}. "
            "Correct the value or leave it out."
        )

    def resolved(self, where: Filter | None) -> Filter | None:
        """The filter on this index's columns: ``metadata.year`` becomes ``year`` if declared.

        Raises:
            BadInput: It reads a column that does not exist, or compares one with a value of
                another type.
        """
        if where is None:
            return None
        types = {**BUILT_IN, **self.types}
        resolved = renamed(where, self._column)
        for leaf in leaves(resolved):
            if leaf.field in types:
                _check_leaf(leaf, types[leaf.field])
            elif not leaf.field.startswith(METADATA):
                raise BadInput(
                    f"Cannot filter on {leaf.field!r}: it is not a declared field. Known: "
                    f"{sorted(types)}. Declare it with Index.create(..., fields={{...}}), or "
                    f"write field({METADATA + leaf.field!r}) to look into the metadata."
                )
        return resolved

    def _column(self, name: str) -> str:
        key = name.removeprefix(METADATA)
        return key if key in self.types else name


def reads_metadata(where: Filter | None) -> TypeGuard[Filter]:
    """Whether a resolved filter reads metadata that is not in a column."""
    return where is not None and any(name.startswith(METADATA) for name in columns(where))


def _check_leaf(leaf: Leaf, kind: str) -> None:
    if isinstance(leaf, Missing):
        return
    if (kind == "list[str]") != isinstance(leaf, Has):
        listed = kind == "list[str]"
        advice = "use field(...).has(value)" if listed else "use == or is_in, not has"
        raise BadInput(f"Field {leaf.field!r} is a {kind}: {advice}.")
    expected = _TYPES["str" if kind == "list[str]" else kind]
    for value in _values(leaf):
        if not isinstance(value, expected) or (isinstance(value, bool) and kind != "bool"):
            raise BadInput(f"Field {leaf.field!r} is a {kind}, cannot compare it with {value!r}.")


def _values(leaf: Compare | In | Has | Contains) -> tuple[Scalar, ...]:
    match leaf:
        case In(_, values):
            return values
        case Contains(_, text):
            return (text,)
        case _:
            return (leaf.value,)
