"""A statistic of a set that changes: patched by what came and went, counted anew when that is better.

A sum of floats keeps the rounding of everything that was ever added to it. It is counted anew once
less than half of that is left, so a patched statistic is at most twice as far from the truth as one
that was just counted; one of integers is exact. All in all a change costs what it changes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]


class Statistic(Protocol):
    """Something that is counted over rows and adds up."""

    def plus(self: S, other: S, /) -> S:
        """Of both sets of rows together."""
        ...

    def minus(self: S, other: S, /) -> S:
        """Of the rows without some of them."""
        ...


S = TypeVar("S", bound=Statistic)


@dataclass(frozen=True, slots=True, eq=False)
class Running(Generic[S]):
    """A statistic of some rows.

    Attributes:
        value: The statistic.
        members: Which rows it is of, as a mask; rows beyond are none of them.
        added: Rows that were ever added since it was last counted anew.
    """

    value: S
    members: Mask
    added: int

    @classmethod
    def of(cls, members: Mask, measured: Callable[[Rows], S]) -> Running[S]:
        """Count anew.

        Args:
            members: Which rows, as a mask.
            measured: The statistic of some rows.
        """
        rows = np.flatnonzero(members)
        return cls(measured(rows), members, len(rows))

    def moved(self, members: Mask, measured: Callable[[Rows], S]) -> Running[S]:
        """The statistic of other rows, at the cost of what changed.

        Args:
            members: Which rows, as a mask of any length.
            measured: The statistic of some rows.

        Examples:
            >>> from rag_embed.maths.moments import Moments
            >>> rows = np.eye(4, dtype=np.float32)
            >>> measured = lambda some: Moments.of(rows[some])
            >>> three = Running.of(np.array([True, True, True]), measured)
            >>> three.moved(np.array([True, True, False, True]), measured).value.mean.round(2).tolist()
            [0.33, 0.33, 0.0, 0.33]
        """
        length = max(len(members), len(self.members))
        before, after = _long(self.members, length), _long(members, length)
        came, went = np.flatnonzero(after & ~before), np.flatnonzero(before & ~after)
        added, left = self.added + len(came), int(np.count_nonzero(after))
        if 2 * left < added or len(came) + len(went) > left:
            return Running.of(members, measured)
        value = self.value
        if len(went):
            value = value.minus(measured(went))
        if len(came):
            value = value.plus(measured(came))
        return Running(value, members, added)


def _long(mask: Mask, length: int) -> Mask:
    return np.pad(mask, (0, length - len(mask)))
