"""Many conditions at once: each is a box, a stretch of places on a few axes, and all are filled together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import EllipsisType
from typing import TypeAlias

import numpy as np

from rag_embed.stores.sorted_columns import Mask, Rows, Sorted

Term: TypeAlias = tuple[Sorted, int, int, bool]
"""Axis, first place, place after the last, and whether a row has to be there or must not be."""

Box: TypeAlias = tuple[Rows | None, Sequence[Term]]
"""Rows that meet all terms, of some rows or of all."""

_FEW = 8
"""Rows are looked at one by one where they are fewer than one in so many, and all together otherwise."""

_AGAIN = 64
"""Large boxes after which it is seen again which rows are in none yet."""


def filled(boxes: Iterable[Box], count: int) -> Mask:
    """The rows in at least one box.

    Args:
        boxes: The boxes.
        count: Number of rows.
    """
    found = np.zeros(count, dtype=np.bool_)
    stretches: dict[Sorted, list[tuple[int, int]]] = {}
    beside: set[Sorted] = set()
    large: list[Sequence[Term]] = []
    for rows, given in boxes:
        if rows is not None:
            found[rows[_meeting(rows, given)] if given else rows] = True
            continue
        if not given:
            return np.ones(count, dtype=np.bool_)
        terms = _joined(given)
        axis, first, last, inside = terms[0]
        if len(terms) == 1:
            own = stretches.setdefault(axis, [])
            if inside:
                own.append((first, last))
            else:
                own += [(0, first), (last, len(axis.values))]
                beside.add(axis)
        elif not inside or (axis.starts[last] - axis.starts[first]) * _FEW > count:
            large.append(terms)
        elif first < last:
            some = axis.between(first, last)
            found[some[_meeting(some, terms[1:])]] = True
    for axis, own in stretches.items():
        found[axis.at(_covered(own, len(axis.values)))] = True
    for axis in beside:
        found |= axis.ranks < 0
    _fill(found, large)
    return found


def _joined(box: Sequence[Term]) -> Sequence[Term]:
    """The same terms with one stretch for each axis, that of the fewest rows first."""
    if len(box) == 1:
        return box
    stretches: dict[Sorted, tuple[int, int]] = {}
    outside = []
    for term in box:
        axis, first, last, inside = term
        if not inside:
            outside.append(term)
        elif axis in stretches:
            before = stretches[axis]
            first = max(first, before[0])
            stretches[axis] = first, max(first, min(last, before[1]))
        else:
            stretches[axis] = first, last
    terms = [(axis, first, last, True) for axis, (first, last) in stretches.items()]
    if len(terms) > 1:
        terms.sort(key=lambda one: one[0].starts[one[2]] - one[0].starts[one[1]])
    return terms + outside


def _fill(found: Mask, boxes: Sequence[Sequence[Term]]) -> None:
    """Set the rows of boxes, each of which may hold many."""
    for i, terms in enumerate(boxes):
        if i % _AGAIN == 0:
            left = np.flatnonzero(~found)
        if len(left) * _FEW > len(found):
            found |= _meeting(..., terms)
        elif len(left):
            found[left[_meeting(left, terms)]] = True


def _meeting(rows: Rows | EllipsisType, terms: Sequence[Term]) -> Mask:
    """Which of some rows, or of all, meet all terms."""
    met: Mask = np.ones(1, dtype=np.bool_)
    for axis, first, last, inside in terms:
        ranks = axis.ranks[rows]
        within = (ranks >= first) & (ranks < last)
        met = met & (within if inside else ~within)
    return met


def _covered(stretches: Sequence[tuple[int, int]], places: int) -> Mask:
    """The places in at least one stretch."""
    ends = np.array(stretches)
    begun = np.bincount(ends[:, 0], minlength=places + 1)
    ended = np.bincount(ends[:, 1], minlength=places + 1)
    covered: Mask = np.cumsum(begun - ended)[:places] > 0
    return covered
