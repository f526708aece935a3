"""Filters as LanceDB expressions, and which of them LanceDB can be asked to judge.

An expression is a tree that LanceDB walks on a small stack: one of some hundred conditions in a
row is slow, one of a thousand ends the process. So only short filters are compiled, as balanced
trees; `judging` does the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import pyarrow as pa
from lancedb.expr import Expr, col, lit

from rag_embed.fields import BUILT_IN, READERS, SEPARATOR, Fields
from rag_embed.filters import (
    And,
    Compare,
    Contains,
    Filter,
    Has,
    In,
    Leaf,
    Missing,
    Not,
    Or,
    Scalar,
    leaves,
)
from rag_embed.stores.schema import field_columns, packed
from rag_embed.values import since_1970

_MOST = 64
"""Conditions of a filter that LanceDB judges; of more, judging them here is faster."""

_TINY, _HUGE = 1e-20, 1e25
"""Floats between these are read back as they were from the SQL that rows are counted by."""

_A_CONDITION = 16
"""Values in a set that take as long as a condition."""


def fits(where: Filter, fields: Fields) -> bool:
    """Whether LanceDB judges a resolved filter, and as `filters.matches` says."""
    size = 0
    for leaf in leaves(where):
        kind = fields.types.get(leaf.field) or BUILT_IN.get(leaf.field)
        if kind is None or not all(_literal_is_exact(value, kind) for value in _values(leaf)):
            return False
        values = len(_values(leaf))
        size += values if kind == "list[str]" else 1 + values // _A_CONDITION
        if size > _MOST:
            return False
    return True


def _values(leaf: Leaf) -> Sequence[Scalar]:
    match leaf:
        case In(_, values):
            return values
        case Compare(_, _, value) | Has(_, value):
            return (value,)
        case _:
            return ()


def compiled(where: Filter, fields: Fields) -> Expr:
    """A filter that fits as an expression; values are literals of it, never SQL text."""
    match where:
        case And(parts):
            return balanced([compiled(part, fields) for part in parts], Expr.__and__, True)
        case Or(parts):
            return balanced([compiled(part, fields) for part in parts], Expr.__or__, False)
        case Not(part):
            return ~compiled(part, fields)
        case _:
            return _leaf(where, fields)


def _leaf(leaf: Leaf, fields: Fields) -> Expr:
    if leaf.field == READERS:
        named = col(READERS) != lit("")
        return (
            ~named if isinstance(leaf, Missing) else named & _test(leaf, col(READERS), "list[str]")
        )
    declared = leaf.field in fields.types
    value, has = field_columns(leaf.field) if declared else (leaf.field, f"has_{leaf.field}")
    if not declared and leaf.field != "user_id":  # these are never missing
        return lit(False) if isinstance(leaf, Missing) else _test(leaf, col(value), "str")
    present = col(has) == lit(True)
    if isinstance(leaf, Missing):
        return ~present
    return present & _test(leaf, col(value), fields.types.get(leaf.field, "str"))


def _test(leaf: Compare | In | Has | Contains, column: Expr, kind: str) -> Expr:
    if isinstance(leaf, Contains):
        text = leaf.text
        return column.lower().contains(text.lower()) if leaf.ignore_case else column.contains(text)
    if kind == "list[str]":
        found = [column.contains(lit(packed([str(value)]))) for value in _values(leaf)]
        some = balanced(found, Expr.__or__, False)
        return ~some if isinstance(leaf, Compare) and leaf.op == "!=" else some
    if kind in ("datetime", "date"):
        column = column.cast(pa.int64())
    values = [_literal(value, kind) for value in _values(leaf)]
    if isinstance(leaf, In):
        return column.isin(values) if values else lit(False)
    op = leaf.op if isinstance(leaf, Compare) else "=="
    test = _OPERATORS[op](column, values[0])
    if kind == "float" and op in ("<", "<=", ">", ">="):  # to LanceDB, NaN is above or below all
        test = test & (column <= lit(float("inf"))) & (column >= lit(float("-inf")))
    return test


def _literal(value: Scalar, kind: str) -> Expr:
    if isinstance(value, datetime):
        return lit(since_1970(value))
    return lit(float(value) if kind == "float" else value)


def _literal_is_exact(value: Scalar, kind: str) -> bool:
    """Whether an expression can say this value."""
    if kind == "list[str]":
        return SEPARATOR not in str(value)
    if isinstance(value, int) and kind == "float":
        return abs(value) <= 2**53
    if isinstance(value, int):
        return abs(value) < 2**63
    return not isinstance(value, float) or value == 0 or _TINY < abs(value) < _HUGE


_OPERATORS: dict[str, Callable[[Expr, Expr], Expr]] = {
    "==": Expr.eq,
    "!=": Expr.ne,
    "<": Expr.lt,
    "<=": Expr.lte,
    ">": Expr.gt,
    ">=": Expr.gte,
}


def balanced(parts: Sequence[Expr], join: Callable[[Expr, Expr], Expr], empty: bool) -> Expr:
    """All parts joined, as a tree that is as flat as it can be."""
    if not parts:
        return lit(empty)
    while len(parts) > 1:
        pairs = zip(parts[::2], parts[1::2], strict=False)
        parts = [join(*pair) for pair in pairs] + list(parts[len(parts) - len(parts) % 2 :])
    return parts[0]
