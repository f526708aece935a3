"""Filters as LangChain users write them: dictionaries, and the queries of a self-query retriever."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from langchain_core.structured_query import (
    Comparator,
    Comparison,
    Operation,
    Operator,
    StructuredQuery,
    Visitor,
)

from rag_embed import field
from rag_embed.errors import BadInput
from rag_embed.fields import Fields
from rag_embed.filters import METADATA, And, Field, Filter, Not, Or, too_deep
from rag_embed.values import time_of

FilterLike: TypeAlias = Filter | Mapping[str, Any] | None
"""A rag_embed filter, or a dictionary that `to_filter` understands."""


def to_filter(filter: FilterLike) -> Filter | None:
    """Make a rag_embed filter of what LangChain users write.

    It means what it means in MongoDB. Keys name metadata, ``author.name`` what lies within; several
    keys must all match. A list matches a value that is among its elements. A missing value matches
    ``$ne``, ``$nin`` and ``$not``, and no comparison. A date or datetime is compared as a time.

    Args:
        filter: ``None``, a rag_embed filter (given back as it is), or a dictionary such as
            ``{"year": 2020}`` or ``{"year": {"$gte": 2020, "$lt": 2024}}``. Operators: ``$eq $ne
            $gt $gte $lt $lte``, ``$in $nin`` (any or none of these values), ``$all`` (a list that
            holds all of these), ``$contains`` (a list with that element), ``$text`` (a text with
            that part), ``$exists``, ``$not`` (other operators, negated). Combined by
            ``{"$and": [...]}``, ``{"$or": [...]}``, ``{"$nor": [...]}``, ``{"$not": {...}}``.

    Raises:
        BadInput: Anything else.

    Examples:
        >>> to_filter({"year": {"$gte": 2020}})
        Compare(field='metadata.year', op='>=', value=2020)
    """
    try:
        return _translated(filter)
    except RecursionError:
        raise too_deep() from None


def narrowed(own: Filter | None, given: FilterLike) -> Filter | None:
    """What a call may see: what passes its own filter and the one that was set before, which it cannot widen.

    Raises:
        BadInput: The filter cannot be read.
    """
    asked = to_filter(given)
    if own is None or asked is None:
        return asked if own is None else own
    return And((own, asked))


def _translated(filter: FilterLike) -> Filter | None:
    if filter is None or isinstance(filter, Filter):
        return filter
    if not isinstance(filter, Mapping):
        raise BadInput(
            "A filter is a rag_embed filter such as field('metadata.year') >= 2020, or a dict such "
            f"as {{'year': {{'$gte': 2020}}}}, got {type(filter).__name__}."
        )
    parts = [_entry(key, value) for key, value in filter.items()]
    return _all(parts) if parts else None


def _all(parts: list[Filter]) -> Filter:
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def _entry(key: object, value: object) -> Filter:
    if not isinstance(key, str) or not key:
        raise BadInput(f"The keys of a filter are names of metadata, got {key!r}.")
    if key == "$and":
        return And(_operands(key, value))
    if key == "$or":
        return Or(_operands(key, value))
    if key == "$nor":
        return Not(Or(_operands(key, value)))
    if key == "$not":
        return Not(_operand(key, value))
    if key.startswith("$"):
        raise BadInput(f"Unknown operator {key!r}; between filters use $and, $or, $nor, $not.")
    name = field(METADATA + key)
    return _compared(name, value) if isinstance(value, Mapping) else _compare("$eq", name, value)


def _compared(name: Field, operators: Mapping[Any, Any]) -> Filter:
    """All comparisons of one value."""
    if not operators:
        raise BadInput(f"The filter on {name.name!r} is empty; leave it out to match everything.")
    return _all([_compare(operator, name, operand) for operator, operand in operators.items()])


def _operands(key: str, value: object) -> tuple[Filter, ...]:
    if not isinstance(value, list | tuple) or not value:
        raise BadInput(f"{key} takes a non-empty list of filters, got {value!r}.")
    return tuple(_operand(key, one) for one in value)


def _operand(key: str, value: Any) -> Filter:  # noqa: ANN401
    part = _translated(value)
    if part is None:
        raise BadInput(f"{key} holds an empty filter; leave it out.")
    return part


def _compare(operator: object, name: Field, value: Any) -> Filter:  # noqa: ANN401
    compare = _OPERATORS.get(operator) if isinstance(operator, str) else None
    if compare is None:
        inside = f"{name.name.removeprefix(METADATA)}.{operator}"
        raise BadInput(
            f"Unknown operator {operator!r} in the filter on {name.name!r}; use one of "
            f"{', '.join(_OPERATORS)}. For a value within another write {{{inside!r}: ...}}."
        )
    if isinstance(value, list | tuple) and operator in _OF_ONE:
        raise BadInput(
            f"{operator} on {name.name!r} compares with one value, got {value!r}. Use $in for any "
            "of several, $all for a list that holds all of them."
        )
    if value is None:
        raise BadInput(
            f"The filter on {name.name!r} compares with None; for a missing value use "
            '{"$exists": False}.'
        )
    return compare(name, value)


def _values(values: Any) -> list[Any]:  # noqa: ANN401
    if not isinstance(values, list | tuple | set | frozenset):
        raise BadInput(f"$in, $nin and $all take a list of values, got {values!r}.")
    return list(values)


def _with_all(name: Field, values: Any) -> Filter:  # noqa: ANN401
    equal = [name == value for value in _values(values)]
    return And(tuple(equal)) if equal else name.is_in([])  # which matches nothing


def _negated(name: Field, operators: Any) -> Filter:  # noqa: ANN401
    if not isinstance(operators, Mapping):
        raise BadInput(f"$not on {name.name!r} takes operators such as {{'$gt': 3}}; else use $ne.")
    return Not(_compared(name, operators))


def _exists(name: Field, value: Any) -> Filter:  # noqa: ANN401
    if not isinstance(value, bool):
        raise BadInput(f"$exists takes True or False, got {value!r}.")
    return ~name.is_missing() if value else name.is_missing()


_OPERATORS: Mapping[str, Callable[[Field, Any], Filter]] = {
    "$eq": lambda name, value: name == value,
    "$ne": lambda name, value: ~(name == value),
    "$gt": lambda name, value: name > value,
    "$gte": lambda name, value: name >= value,
    "$lt": lambda name, value: name < value,
    "$lte": lambda name, value: name <= value,
    "$in": lambda name, values: name.is_in(_values(values)),
    "$nin": lambda name, values: ~name.is_in(_values(values)),
    "$all": _with_all,
    "$contains": lambda name, value: name.has(value),
    "$text": lambda name, value: name.contains(value),
    "$exists": _exists,
    "$not": _negated,
}
_OF_ONE = ("$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$contains")


class RagEmbedTranslator(Visitor):
    """Structured queries of LangChain as rag_embed filters, for self-query retrievers.

    ``contain`` finds an element of a list, or a part of a text. ``like`` finds a part of a text
    whatever its case, since a language model does not know how it is written; ``%`` may stand at
    its ends. Dates are compared as times.

    Args:
        fields: The declared fields of the index (``index.store.fields``), if there are any.

    Examples:
        >>> recent = Comparison(comparator=Comparator.GTE, attribute="year", value=2020)
        >>> RagEmbedTranslator().visit_structured_query(StructuredQuery("foxes", recent))
        ('foxes', {'filter': Compare(field='metadata.year', op='>=', value=2020)})
    """

    allowed_operators = tuple(Operator)
    allowed_comparators = tuple(Comparator)

    def __init__(self, fields: Fields | None = None) -> None:
        self._types = fields.types if fields else {}

    def visit_operation(self, operation: Operation) -> Filter:
        """See `Visitor`.

        Raises:
            BadInput: There are no arguments, or several in a ``not``.
        """
        parts = tuple(argument.accept(self) for argument in operation.arguments)
        if not parts or (operation.operator == Operator.NOT and len(parts) > 1):
            raise BadInput(
                f"{operation.operator.value!r} with {len(parts)} arguments: 'not' takes one, 'and' "
                "and 'or' take at least one."
            )
        match operation.operator:
            case Operator.AND:
                return And(parts)
            case Operator.OR:
                return Or(parts)
            case _:
                return Not(parts[0])

    def visit_comparison(self, comparison: Comparison) -> Filter:
        """See `Visitor`.

        Raises:
            BadInput: The value does not fit the comparator.
        """
        name = field(METADATA + comparison.attribute)
        value = _plain(comparison.value)
        match comparison.comparator:
            case Comparator.LIKE:
                return name.contains(_part(value), ignore_case=True)
            case Comparator.CONTAIN:
                return self._contains(comparison.attribute, name, value)
            case other:
                return _compare(f"${other.value}", name, value)

    def visit_structured_query(
        self, structured_query: StructuredQuery
    ) -> tuple[str, dict[str, Filter]]:
        """See `Visitor`: the text, and what `RagEmbedVectorStore.similarity_search` takes with it."""
        if structured_query.filter is None:
            return structured_query.query, {}
        return structured_query.query, {"filter": structured_query.filter.accept(self)}

    def _contains(self, attribute: str, name: Field, value: Any) -> Filter:  # noqa: ANN401
        """A declared column is a list or a text; of other metadata nobody knows."""
        kind = self._types.get(attribute)
        if kind == "list[str]" or not isinstance(value, str):
            return name.has(value)
        return name.contains(value) if kind else name.has(value) | name.contains(value)


def _plain(value: Any) -> Any:  # noqa: ANN401
    """LangChain's parser writes a date as ``{"date": "2020-01-31", "type": "date"}``."""
    if not isinstance(value, Mapping) or value.get("type") not in ("date", "datetime"):
        return value
    text = value.get(value["type"])
    moment = time_of(text)
    if moment is None:
        raise BadInput(f"{text!r} is no {value['type']}; it is written like 2020-01-31.")
    return moment


def _part(pattern: object) -> str:
    part = pattern.removeprefix("%").removesuffix("%") if isinstance(pattern, str) else ""
    if not part or "%" in part:
        raise BadInput(f"'like' takes a part of a text, with % at its ends only, got {pattern!r}.")
    return part
