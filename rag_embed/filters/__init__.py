"""Typed filters: ``field("year") >= 2020``, combined with ``&``, ``|`` and ``~``.

A filter is data. Stores compile it (never to a string made by hand) or judge it themselves; what it
means is said by `matches`, and by nothing else.

Logic is two-valued: a comparison with a missing value is false, and ``~`` inverts that.
Text, numbers, truth values and times are four kinds: values of different kinds are unequal and have
no order, so ``1`` is not ``True`` and ``"2020"`` not greater than ``2019``. The one bridge is ISO text,
which a time is compared with as a time. Of a list, ``==`` and ``is_in`` ask whether an element is equal.
"""

from rag_embed.filters.building import Field, field
from rag_embed.filters.dictionaries import FilterLike, compare, to_filter
from rag_embed.filters.meaning import matches, value_of
from rag_embed.filters.nodes import (
    DEEPEST,
    METADATA,
    And,
    Compare,
    Contains,
    Filter,
    Has,
    In,
    Leaf,
    Missing,
    Not,
    Operator,
    Or,
    too_deep,
)
from rag_embed.filters.rewriting import columns, leaves, mapped, simplified
from rag_embed.values import Scalar

__all__ = [
    "DEEPEST",
    "METADATA",
    "And",
    "Compare",
    "Contains",
    "Field",
    "Filter",
    "FilterLike",
    "Has",
    "In",
    "Leaf",
    "Missing",
    "Not",
    "Operator",
    "Or",
    "Scalar",
    "columns",
    "compare",
    "field",
    "leaves",
    "mapped",
    "matches",
    "simplified",
    "to_filter",
    "too_deep",
    "value_of",
]
