"""Sums over a user's history that forget at a steady pace, and exactly when asked.

The weight of an event halves every ``half_life`` seconds. The sum is kept as of the newest event, so
that adding one costs O(dim), whatever the history's length; exponential decay is the one kind for
which that is exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rag_embed.arguments import is_number
from rag_embed.errors import BadInput
from rag_embed.maths.vectors import unit

_CANCELLED = 1e-6
"""A remainder below this share of what it was subtracted from has lost too many digits."""

Row64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class DecayedSum:
    """``sum over events of w_i * 2^(-(time - t_i) / half_life) * v_i``, kept in float64.

    Attributes:
        total: ``(dim,)`` float64, the sum.
        count: Events in it.
        weight: The same sum without the vectors, that is with ``v_i = 1``.
        time: Of the newest event that was ever added, in seconds; 0 while empty.
        half_life: Seconds; ``None`` for no decay.
    """

    total: Row64
    count: int = 0
    weight: float = 0.0
    time: float = 0.0
    half_life: float | None = None

    @classmethod
    def empty(cls, dim: int, half_life: float | None = None) -> DecayedSum:
        """Nothing yet.

        Raises:
            BadInput: ``half_life`` is not above 0.
        """
        if half_life is not None and not (is_number(half_life) and half_life > 0):
            raise BadInput(f"half_life is a number of seconds above 0 or None, got {half_life!r}.")
        return cls(np.zeros(dim), half_life=half_life)

    def added(self, rows: npt.NDArray[np.floating], weights: Row64, times: Row64) -> DecayedSum:
        """With more events; O(rows * dim), the order of events does not matter.

        Args:
            rows: ``(n, dim)`` vectors.
            weights: ``(n,)`` > 0.
            times: ``(n,)`` seconds; may be older than what is in the sum.

        Examples:
            >>> one = DecayedSum.empty(2, half_life=10.0)
            >>> one = one.added(np.eye(1, 2), np.array([1.0]), np.array([0.0]))
            >>> two = one.added(np.eye(1, 2, 1), np.array([1.0]), np.array([10.0]))
            >>> two.total.tolist(), two.weight
            ([0.5, 1.0], 1.5)
        """
        if not len(rows):
            return self
        newest = float(times.max())
        now = max(self.time, newest) if self.count else newest
        fade = float(self._fade(np.array([now - self.time]))[0]) if self.count else 0.0
        shares = weights * self._fade(now - times)
        total = self.total * fade + shares @ rows.astype(np.float64)
        weight = float(self.weight * fade + shares.sum())
        return DecayedSum(total, self.count + len(rows), weight, now, self.half_life)

    def removed(
        self, rows: npt.NDArray[np.floating], weights: Row64, times: Row64
    ) -> DecayedSum | None:
        """Without events that are in it; O(rows * dim).

        Subtraction is exact up to rounding: each component is off by at most about
        ``(changes so far) * 2^-52 * (largest weight it ever had)``. Where so little is left that this
        counts, ``None`` says that the sum must be taken anew over the events that stay.

        Args:
            rows: ``(n, dim)`` the vectors that were added.
            weights: ``(n,)`` their weights.
            times: ``(n,)`` their times.
        """
        if not len(rows):
            return self
        count = self.count - len(rows)
        if count <= 0:
            return DecayedSum.empty(len(self.total), self.half_life) if count == 0 else None
        shares = weights * self._fade(self.time - times)
        weight = self.weight - float(shares.sum())
        if not weight > _CANCELLED * self.weight:
            return None
        total = self.total - shares @ rows.astype(np.float64)
        return DecayedSum(total, count, weight, self.time, self.half_life)

    @property
    def direction(self) -> npt.NDArray[np.float32]:
        """``(dim,)`` float32 of length 1: where the history points on the whole.

        Raises:
            BadInput: There is no event, so there is no direction.
        """
        if not self.count:
            raise BadInput("A history without events has no direction; check `count` first.")
        largest = np.abs(self.total).max()
        rows = unit((self.total / largest if largest > 0 else self.total)[None])
        row: npt.NDArray[np.float32] = rows[0]
        return row

    def to_bytes(self) -> bytes:
        """For storage; see `from_bytes`."""
        half_life = np.inf if self.half_life is None else self.half_life
        head = [float(self.count), self.weight, self.time, half_life]
        return np.concatenate([head, self.total]).astype("<f8").tobytes()

    @classmethod
    def from_bytes(cls, stored: bytes) -> DecayedSum:
        """What `to_bytes` made, bit for bit."""
        numbers = np.frombuffer(stored, dtype="<f8").astype(np.float64)
        count, weight, time, half_life = numbers[:4].tolist()
        known = None if half_life == np.inf else half_life
        return cls(numbers[4:].copy(), int(count), weight, time, known)

    def _fade(self, ages: Row64) -> Row64:
        if self.half_life is None:
            return np.ones_like(ages)
        faded: Row64 = np.exp2(-ages / self.half_life)
        return faded
