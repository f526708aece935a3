"""Filters as dictionaries, as MongoDB has them and users of LangChain write them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from rag_embed.errors import BadInput
from rag_embed.filters.building import Field, field
from rag_embed.filters.nodes import METADATA, And, Filter, Not, Or, too_deep

FilterLike: TypeAlias = Filter | Mapping[str, Any] | None
"""A rag_embed filter, or a dictionary that `to_filter` understands."""

_LIKE = re.compile(r"(%?)((?:[^%_\\]|\\.)*)(%?)", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_LAST = chr(0x10FFFF)


def to_filter(filter: FilterLike) -> Filter | None:
    """Make a filter of a dictionary.

    It means what it means in MongoDB. Keys name metadata, ``author.name`` what lies within; several
    keys must all match. A list matches a value that is among its elements. A missing value matches
    ``$ne``, ``$nin`` and ``$not``, and no comparison. A date or datetime is compared as a time.

    Args:
        filter: ``None``, a filter (given back as it is), or a dictionary such as
            ``{"year": 2020}`` or ``{"year": {"$gte": 2020, "$lt": 2024}}``. Operators: ``$eq $ne
            $gt $gte $lt $lte``, ``$between`` (two values, both included), ``$in $nin`` (any or none
            of these values), ``$all`` (a list that holds all of these), ``$contains $not_contains``
            (a list with or without that element), ``$text`` (a text with that part), ``$like $ilike``
            (a pattern of SQL, ``%part%``, ``start%`` or a whole text; ``$ilike`` whatever its case, and
            only ``%part%``), ``$exists``, ``$not`` (other operators, negated). Combined by
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
    return _compared(name, value) if isinstance(value, Mapping) else compare("$eq", name, value)


def _compared(name: Field, operators: Mapping[Any, Any]) -> Filter:
    """All comparisons of one value."""
    if not operators:
        raise BadInput(f"The filter on {name.name!r} is empty; leave it out to match everything.")
    return _all([compare(operator, name, operand) for operator, operand in operators.items()])


def _operands(key: str, value: object) -> tuple[Filter, ...]:
    if not isinstance(value, list | tuple) or not value:
        raise BadInput(f"{key} takes a non-empty list of filters, got {value!r}.")
    return tuple(_operand(key, one) for one in value)


def _operand(key: str, value: Any) -> Filter:  # noqa: ANN401
    part = _translated(value)
    if part is None:
        raise BadInput(f"{key} holds an empty filter; leave it out.")
    return part


def compare(operator: object, name: Field, value: Any) -> Filter:  # noqa: ANN401
    """One comparison of a dictionary, such as ``"$gte"`` of a field with a value.

    Raises:
        BadInput: There is no such operator, or it does not take the value.
    """
    judge = _OPERATORS.get(operator) if isinstance(operator, str) else None
    if judge is None:
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
    return judge(name, value)


def _values(values: Any) -> list[Any]:  # noqa: ANN401
    if not isinstance(values, list | tuple | set | frozenset):
        raise BadInput(f"$in, $nin and $all take a list of values, got {values!r}.")
    return list(values)


def _with_all(name: Field, values: Any) -> Filter:  # noqa: ANN401
    equal = [name == value for value in _values(values)]
    return And(tuple(equal)) if equal else name.is_in([])  # which matches nothing


def _between(name: Field, values: Any) -> Filter:  # noqa: ANN401
    if not isinstance(values, list | tuple) or len(values) != 2:
        raise BadInput(
            f"$between on {name.name!r} takes two values, [least, most], got {values!r}."
        )
    return compare("$gte", name, values[0]) & compare("$lte", name, values[1])


def _like(name: Field, pattern: Any) -> Filter:  # noqa: ANN401
    before, text, after = _pattern("$like", name, pattern)
    if before and not after:
        raise _no_pattern("$like", name, pattern)
    if before:
        return name.contains(text)
    return _starts(name, text) if after else name == text


def _ilike(name: Field, pattern: Any) -> Filter:  # noqa: ANN401
    before, text, after = _pattern("$ilike", name, pattern)
    if not (before and after):
        raise _no_pattern("$ilike", name, pattern)
    return name.contains(text, ignore_case=True)


def _pattern(operator: str, name: Field, pattern: object) -> tuple[bool, str, bool]:
    r"""Whether anything may stand before and after, and the text between; ``\\`` escapes."""
    whole = _LIKE.fullmatch(pattern) if isinstance(pattern, str) else None
    if whole is None or not whole[2]:
        raise _no_pattern(operator, name, pattern)
    return bool(whole[1]), _ESCAPED.sub(r"\1", whole[2]), bool(whole[3])


def _no_pattern(operator: str, name: Field, pattern: object) -> BadInput:
    forms = "'%part%'" if operator == "$ilike" else "'%part%', 'start%' or a whole text"
    return BadInput(
        f"{operator} on {name.name!r} takes {forms}, with \\_ for an underscore, got {pattern!r}."
    )


def _starts(name: Field, text: str) -> Filter:
    """What begins with a text stands between it and what would follow all of these."""
    last = max(i for i, sign in enumerate(text) if sign != _LAST) if text.strip(_LAST) else -1
    if last < 0:
        return name >= text
    code = ord(text[last]) + 1
    following = chr(0xE000 if 0xD800 <= code < 0xE000 else code)  # no text holds half a pair
    return (name >= text) & (name < text[:last] + following)


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
    "$between": _between,
    "$contains": lambda name, value: name.has(value),
    "$not_contains": lambda name, value: ~name.has(value),
    "$like": _like,
    "$ilike": _ilike,
    "$text": lambda name, value: name.contains(value),
    "$exists": _exists,
    "$not": _negated,
}
_OF_ONE = ("$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$contains", "$not_contains")
