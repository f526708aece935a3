"""LlamaIndex's metadata filters as rag_embed filters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from llama_index.core.vector_stores.types import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
)

from rag_embed.errors import BadInput
from rag_embed.fields import Fields
from rag_embed.filters import (
    METADATA,
    And,
    Field,
    Filter,
    FilterLike,
    Missing,
    Not,
    Or,
    Scalar,
    field,
    too_deep,
)
from rag_embed.filters import to_filter as from_dictionary
from rag_embed.values import time_of

Where: TypeAlias = MetadataFilters | MetadataFilter | FilterLike
"""What restricts a search: LlamaIndex's filters, or rag_embed's own, also as a dictionary."""

_NOTHING = Missing("id")
"""Matches no chunk: every chunk has an id."""


def to_filter(where: Where, fields: Fields | None = None) -> Filter | None:
    """Translate a filter; ``None``, and filters without any condition, restrict nothing.

    A key means ``metadata.<key>``, with dots for nested values. As in `SimpleVectorStore`, a
    missing value matches ``!=``, ``nin`` and ``is_empty`` alone. Different on purpose:

    - text and numbers are unequal and have no order; `SimpleVectorStore` raises on ``"2020" > 2019``;
    - ``contains``, ``any`` and ``all`` look into lists, not also into the letters of a text; of a
      list, ``==`` and ``in`` ask whether an element is equal, ``!=`` and ``nin`` whether none is;
    - ``text_match`` on a value that is no text does not match, instead of raising;
    - ``in`` and ``nin`` need a list, the other operators (``any`` and ``all`` aside) one value;
    - filters may be nested; NOT means that none of its filters match.

    `MetadataFilter` takes neither truth values nor times. Write ``1`` for true and ``0`` for false;
    in a field declared as ``bool`` they mean nothing else, in one that is not declared the numbers
    too. Write ISO text, such as ``"2024-05-01"``, for a time; it is compared with stored times as
    a time, whatever their zone.

    ``is_empty`` holds for a missing value, null and ``""``, and for ``[]`` in a
    `RagEmbedVectorStore`; in an `Index`, ``[]`` is a value.

    Args:
        where: The filter. A dictionary such as ``{"year": {"$gte": 2020}}`` is read by
            `rag_embed.filters.to_filter`.
        fields: The declared fields of the index.

    Raises:
        BadInput: An operator and its value do not go together, or it is no filter.

    Examples:
        >>> to_filter(MetadataFilter(key="year", value=2020, operator=FilterOperator.GTE))
        Compare(field='metadata.year', op='>=', value=2020)
    """
    try:
        return _translated(where, fields or Fields({}))
    except RecursionError:
        raise too_deep() from None


def _translated(where: Where, fields: Fields) -> Filter | None:
    if where is None or isinstance(where, Filter | Mapping):
        return from_dictionary(where)
    if isinstance(where, MetadataFilter):
        return _leaf(where, fields)
    if isinstance(where, MetadataFilters):
        return _group(where, fields)
    raise BadInput(
        "Expected MetadataFilters, MetadataFilter, a dict such as {'year': {'$gte': 2020}} or a rag_embed "
        f"filter, got {type(where).__name__}."
    )


def _group(group: MetadataFilters, fields: Fields) -> Filter | None:
    if not group.filters:
        return None
    parts = [_translated(one, fields) for one in group.filters]
    some = tuple(part for part in parts if part is not None)
    open_ended = len(some) < len(parts)
    if group.condition == FilterCondition.NOT:
        return _NOTHING if open_ended else Not(Or(some))
    if group.condition == FilterCondition.OR:
        return None if open_ended else Or(some)
    return And(some) if some else None


def _leaf(one: MetadataFilter, fields: Fields) -> Filter:
    name = field(METADATA + one.key)
    if one.operator == FilterOperator.IS_EMPTY:
        textual = fields.types.get(one.key, "str") == "str"
        return name.is_missing() | (name == "") if textual else name.is_missing()
    if one.operator in _TEXT:
        ignore_case = one.operator == FilterOperator.TEXT_MATCH_INSENSITIVE
        return name.contains(_text(one), ignore_case=ignore_case)
    declared = one.key in fields.types
    if one.operator in _ORDER:
        value = _value(one)
        return _ORDER[one.operator](name, value if declared else time_of(value) or value)
    values = _values(one) if one.operator in _LISTED else [_value(one)]
    meant = [[value] if declared else _meant(value) for value in values]
    return _SETS[one.operator](name, meant)


def _value(one: MetadataFilter) -> Scalar:
    if one.value is None or isinstance(one.value, list):
        raise BadInput(
            f"Filter on {one.key!r}: {one.operator.value!r} compares with one value, got "
            f"{one.value!r}. For lists use 'in', 'any' or 'all'; for no value, 'is_empty'."
        )
    return one.value


def _values(one: MetadataFilter) -> Sequence[Scalar]:
    if not isinstance(one.value, list):
        raise BadInput(
            f"Filter on {one.key!r}: {one.operator.value!r} takes a list of values, got "
            f"{one.value!r}; wrap it in a list."
        )
    return one.value


def _text(one: MetadataFilter) -> str:
    if not isinstance(one.value, str):
        raise BadInput(
            f"Filter on {one.key!r}: {one.operator.value!r} looks for a str, got {one.value!r}."
        )
    return one.value


def _meant(value: Scalar) -> list[Scalar]:
    """All that a value may mean: `MetadataFilter` refuses truth values and times.

    In a declared field the field's type says what is meant.
    """
    if isinstance(value, int) and value in (0, 1):
        return [value, bool(value)]
    moment = time_of(value)
    return [value] if moment is None else [value, moment]


def _is_one(name: Field, meant: Sequence[Sequence[Scalar]]) -> Filter:
    values = [value for some in meant for value in some]
    return name == values[0] if len(values) == 1 else name.is_in(values)


def _has_one(name: Field, meant: Sequence[Sequence[Scalar]]) -> Filter:
    values = [name.has(value) for some in meant for value in some]
    return values[0] if len(values) == 1 else Or(tuple(values)) if values else _NOTHING


def _has_all(name: Field, meant: Sequence[Sequence[Scalar]]) -> Filter:
    return And(tuple(_has_one(name, [some]) for some in meant)) if meant else ~name.is_missing()


_TEXT = (FilterOperator.TEXT_MATCH, FilterOperator.TEXT_MATCH_INSENSITIVE)

_ORDER: dict[FilterOperator, Callable[[Field, Scalar], Filter]] = {
    FilterOperator.GT: lambda name, value: name > value,
    FilterOperator.GTE: lambda name, value: name >= value,
    FilterOperator.LT: lambda name, value: name < value,
    FilterOperator.LTE: lambda name, value: name <= value,
}

_LISTED = (FilterOperator.IN, FilterOperator.NIN, FilterOperator.ANY, FilterOperator.ALL)

_SETS: dict[FilterOperator, Callable[[Field, Sequence[Sequence[Scalar]]], Filter]] = {
    FilterOperator.EQ: _is_one,
    FilterOperator.NE: lambda name, meant: ~_is_one(name, meant),
    FilterOperator.IN: _is_one,
    FilterOperator.NIN: lambda name, meant: ~_is_one(name, meant),
    FilterOperator.CONTAINS: _has_one,
    FilterOperator.ANY: _has_one,
    FilterOperator.ALL: _has_all,
}
