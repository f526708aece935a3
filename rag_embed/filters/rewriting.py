"""Reading filters, and writing them anew."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import is_

from rag_embed.filters.nodes import And, Compare, Filter, In, Leaf, Missing, Not, Or
from rag_embed.values import Scalar


def leaves(where: Filter) -> Iterator[Leaf]:
    """All comparisons of a filter, from left to right."""
    match where:
        case And(parts) | Or(parts):
            for part in parts:
                yield from leaves(part)
        case Not(part):
            yield from leaves(part)
        case _:
            yield where


def columns(where: Filter) -> frozenset[str]:
    """Names of all columns a filter reads.

    Examples:
        >>> from rag_embed.filters import field
        >>> sorted(columns((field("a") == 1) | ~field("b").is_missing()))
        ['a', 'b']
    """
    return frozenset(leaf.field for leaf in leaves(where))


def mapped(where: Filter, rewritten: Callable[[Leaf], Filter]) -> Filter:
    """The same filter with other comparisons.

    Examples:
        >>> from dataclasses import replace
        >>> from rag_embed.filters import field
        >>> mapped(~(field("a") == 1), lambda leaf: replace(leaf, field="b"))
        Not(part=Compare(field='b', op='==', value=1))
    """
    match where:
        case And(parts) | Or(parts):
            return _with(where, parts, [mapped(part, rewritten) for part in parts])
        case Not(part):
            return Not(mapped(part, rewritten))
        case _:
            return rewritten(where)


def simplified(where: Filter) -> Filter:
    """A filter that means the same, with what was nested made flat and equalities made sets.

    Examples:
        >>> from rag_embed.filters import field
        >>> x = field("x")
        >>> simplified((x == 1) | ((x == 2) | x.is_in([3])))
        In(field='x', values=(1, 2, 3))
        >>> simplified(~(x == 1) & ~(x == 2))
        Not(part=In(field='x', values=(1, 2)))
    """
    match where:
        case And(parts):
            flat = _with(where, parts, [simplified(part) for part in parts])
            if len(flat.parts) > 1 and not any(map(_excluding, flat.parts)):
                return flat
            return _one(flat, _exclusions(flat.parts))
        case Or(parts):
            flat = _with(where, parts, [simplified(part) for part in parts])
            return _one(flat, _sets(flat.parts))
        case Not(Not(part)):
            return simplified(part)
        case Not(part):
            return Not(simplified(part))
        case _:
            return where


def _sets(parts: Iterable[Filter]) -> list[Filter]:
    """Parts of an ``Or``, with one set for all that a field may be equal to."""
    values: dict[str, list[Scalar]] = {}
    others: list[Filter] = []
    for part in parts:
        match part:
            case Compare(name, "==", value):
                values.setdefault(name, []).append(value)
            case In(name, some):
                values.setdefault(name, []).extend(some)
            case _:
                others.append(part)
    return others + [_among(name, some) for name, some in values.items()]


def _excluding(part: Filter) -> bool:
    return isinstance(part, Not) or (isinstance(part, Compare) and part.op == "!=")


def _exclusions(parts: Iterable[Filter]) -> list[Filter]:
    """Parts of an ``And``, with one set for all that a field may not be equal to."""
    values: dict[str, list[Scalar]] = {}
    present: dict[str, None] = {}
    others: list[Filter] = []
    for part in parts:
        match part:
            case Compare(name, "!=", value):
                values.setdefault(name, []).append(value)
                present[name] = None
            case Not(Compare(name, "==", value)):
                values.setdefault(name, []).append(value)
            case Not(In(name, some)):
                values.setdefault(name, []).extend(some)
            case _:
                others.append(part)
    others += [Not(Missing(name)) for name in present]
    return others + [Not(_among(name, some)) for name, some in values.items()]


def _among(name: str, values: list[Scalar]) -> Filter:
    return Compare(name, "==", values[0]) if len(values) == 1 else In(name, tuple(values))


def _one(chain: And | Or, parts: list[Filter]) -> Filter:
    return parts[0] if len(parts) == 1 else _with(chain, chain.parts, parts)


def _with(chain: And | Or, parts: Sequence[Filter], new: Sequence[Filter]) -> And | Or:
    """The chain itself where its parts are those that it has: it knows what it was asked before."""
    same = len(parts) == len(new) and all(map(is_, parts, new))
    return chain if same else type(chain)(new)
