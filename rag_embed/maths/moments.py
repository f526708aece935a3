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

_BLOCK = 4096
"""Rows that are multiplied at a time: sums over more lose digits of float32."""


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Moments of ``count`` vectors, kept as sums, so that rows can be added and taken away.

    A difference of sums is as exact as its larger part: who takes away more than half of the rows
    had better count anew.

    Attributes:
        count: Number of rows they were taken over.
        total: ``(dim,)`` float64, the sum of ``x``.
        products: ``(dim, dim)`` float64, the sum of ``x x'``.
    """

    count: int
    total: npt.NDArray[np.float64]
    products: npt.NDArray[np.float64]

    @classmethod
    def of(cls, rows: npt.NDArray[np.float32]) -> Moments:
        """Moments of ``(n, dim)`` rows; zeros when n = 0.

        Products are summed in float32 over `_BLOCK` rows at a time, and then in float64.

        Examples:
            >>> Moments.of(np.array([[1, 0], [0, 1]], dtype=np.float32)).mean.tolist()
            [0.5, 0.5]
        """
        count, dim = rows.shape
        products = np.zeros((dim, dim))
        for start in range(0, count, _BLOCK):
            some = rows[start : start + _BLOCK]
            products += some.T @ some
        return cls(count, rows.sum(axis=0, dtype=np.float64), products)

    @property
    def mean(self) -> npt.NDArray[np.float64]:
        """``(dim,)`` float64, ``E[x]``; zeros when there is no row."""
        return self.total / max(self.count, 1)

    @property
    def second(self) -> npt.NDArray[np.float64]:
        """``(dim, dim)`` float64, ``E[x x']``; zeros when there is no row."""
        return self.products / max(self.count, 1)

    def plus(self, other: Moments) -> Moments:
        """Moments of both sets of vectors together.

        Examples:
            >>> one = Moments.of(np.array([[1, 0]], dtype=np.float32))
            >>> one.plus(Moments.of(np.array([[0, 1]], dtype=np.float32))).mean.tolist()
            [0.5, 0.5]
        """
        total, products = self.total + other.total, self.products + other.products
        return Moments(self.count + other.count, total, products)

    def minus(self, other: Moments) -> Moments:
        """Moments of the vectors without some of them.

        Examples:
            >>> both = Moments.of(np.array([[1, 0], [0, 1]], dtype=np.float32))
            >>> both.minus(Moments.of(np.array([[0, 1]], dtype=np.float32))).mean.tolist()
            [1.0, 0.0]
        """
        total, products = self.total - other.total, self.products - other.products
        return Moments(self.count - other.count, total, products)

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
        q, count = query.astype(np.float64), max(self.count, 1)
        mean = float(q @ self.total) / count
        variance = float(q @ self.products @ q) / count - mean * mean
        deviation = max(float(np.sqrt(max(variance, 0.0))), _FLOOR)
        return ((scores.astype(np.float64) - mean) / deviation).astype(np.float32)
