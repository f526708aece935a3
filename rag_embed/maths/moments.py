"""Mean and second moment of a set of vectors: the exact score distribution of a dense leg.

Over rows ``x`` the scores ``q.x`` of a query have mean ``q.mu`` and variance ``q'Mq - (q.mu)^2``,
so a score can be judged against the whole corpus without scanning it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_FLOOR = 1e-3
"""Smallest standard deviation used: a corpus of one text, or of copies, has none of its own."""


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Moments of ``count`` vectors.

    Attributes:
        count: Number of rows they were taken over.
        mean: ``(dim,)`` float64, ``E[x]``.
        second: ``(dim, dim)`` float64, ``E[x x']``.
    """

    count: int
    mean: npt.NDArray[np.float64]
    second: npt.NDArray[np.float64]

    @classmethod
    def of(cls, rows: npt.NDArray[np.float32]) -> Moments:
        """Moments of ``(n, dim)`` rows; zeros when n = 0.

        Examples:
            >>> Moments.of(np.array([[1, 0], [0, 1]], dtype=np.float32)).mean.tolist()
            [0.5, 0.5]
        """
        count, dim = rows.shape
        if count == 0:
            return cls(0, np.zeros(dim), np.zeros((dim, dim)))
        second = (rows.T @ rows).astype(np.float64) / count
        return cls(count, rows.mean(axis=0, dtype=np.float64), second)

    def plus(self, other: Moments) -> Moments:
        """Moments of both sets of vectors together.

        Examples:
            >>> one = Moments.of(np.array([[1, 0]], dtype=np.float32))
            >>> one.plus(Moments.of(np.array([[0, 1]], dtype=np.float32))).mean.tolist()
            [0.5, 0.5]
        """
        count = self.count + other.count
        if not other.count or not self.count:
            return self if self.count else other
        mine, theirs = self.count / count, other.count / count
        mean = mine * self.mean + theirs * other.mean
        return Moments(count, mean, mine * self.second + theirs * other.second)

    def z(
        self, query: npt.NDArray[np.float32], scores: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        """Standard scores of a query's dot products against the whole corpus.

        Args:
            query: ``(dim,)`` the query vector.
            scores: ``(n,)`` dot products of some rows with it.

        Returns:
            ``(n,)`` float32: ``(scores - q.mu) / sqrt(q'Mq - (q.mu)^2)``.
        """
        q = query.astype(np.float64)
        mean = float(q @ self.mean)
        variance = float(q @ self.second @ q) - mean * mean
        deviation = max(float(np.sqrt(max(variance, 0.0))), _FLOOR)
        return ((scores.astype(np.float64) - mean) / deviation).astype(np.float32)
