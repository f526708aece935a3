"""Declared filter columns: their types, and the check that metadata fits them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from rag_embed.errors import BadInput
from rag_embed.filters import And, Compare, Filter, Has, In, Not, Or, columns
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
            if not isinstance(name, str) or not name.isidentifier() or name in BUILT_IN:
                raise BadInput(
                    f"Field {name!r}: a name is an identifier other than {list(BUILT_IN)}."
                )
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

    def check(self, where: Filter | None) -> None:
        """Check that a filter reads known columns and compares them with values of their type.

        Raises:
            BadInput: It does not.
        """
        if where is None:
            return
        types = {**BUILT_IN, **self.types}
        for name in sorted(columns(where) - types.keys()):
            raise BadInput(
                f"Cannot filter on {name!r}: it is not a declared field. Known: {sorted(types)}. "
                "Declare it with Index.create(..., fields={...})."
            )
        for leaf in _leaves(where):
            _check_leaf(leaf, types[leaf.field])


def _leaves(where: Filter) -> list[Compare | In | Has]:
    match where:
        case And(parts) | Or(parts):
            return [leaf for part in parts for leaf in _leaves(part)]
        case Not(part):
            return _leaves(part)
        case Compare() | In() | Has():
            return [where]
        case _:
            return []


def _check_leaf(leaf: Compare | In | Has, kind: str) -> None:
    listed = kind == "list[str]"
    if listed != isinstance(leaf, Has):
        advice = "use field(...).has(value)" if listed else "use == or is_in, not has"
        raise BadInput(f"Field {leaf.field!r} is a {kind}: {advice}.")
    expected = _TYPES["str" if listed else kind]
    for value in leaf.values if isinstance(leaf, In) else (leaf.value,):
        if not isinstance(value, expected) or (isinstance(value, bool) and kind != "bool"):
            raise BadInput(f"Field {leaf.field!r} is a {kind}, cannot compare it with {value!r}.")
