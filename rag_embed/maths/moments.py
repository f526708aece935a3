"""Mean and second moment of a set of vectors: the exact score distribution of a dense leg.

Over rows ``x`` the scores ``q.x`` of a query have mean ``q.mu`` and variance ``q'Mq - (q.mu)^2``,
so a score can be judged against the whole corpus without scanning it. Both are shrunk towards what
is expected of any corpus (empirical Bayes; Efron and Morris, 1973), so that a score means the same
among five rows and among a million.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rag_embed.maths.products import dots

FOR_MEAN, FOR_SPREAD = 2.0, 8.0
"""Rows that what is expected of any corpus counts as, for the mean of scores and for their spread.
Chosen, as the two below, on one half of six public sets; ``python -m benchmarks relevance``
reports on the other."""

TOWARDS_QUERY = 0.9
"""Expected cosine of a query and a row, as a share of that of two rows."""

DIRECTIONS = 50.0
"""Directions that the rows of a corpus, of whatever is not common to them, are spread over evenly."""

ALIKE, PAIRS = 0.2, 2.0
"""Expected cosine of two rows, and how many pairs that counts as."""

_FLOOR = 1e-3
"""Smallest standard deviation used: a corpus of copies has none of its own."""

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
        count, first = len(rows), rows[:_BLOCK]
        products = (first.T @ first).astype(np.float64)
        for start in range(_BLOCK, count, _BLOCK):
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
        """Standard scores of some rows' dot products with a query, each judged by the other rows.

        Among a handful of rows the best cannot stand out: it is most of their mean and of their
        spread. So a row does not count for itself, and a few rows as they are expected count beside
        the others. Of many rows it is ``(scores - q.mu) / sqrt(q'Mq - (q.mu)^2)``. The order of scores
        is kept.

        What is expected depends on how alike the rows are, which differs between models: the mean
        score is `TOWARDS_QUERY` times their mean cosine, the variance what is left of their length
        over `DIRECTIONS`.

        Args:
            query: ``(dim,)`` the query vector.
            scores: ``(n,)`` dot products of some of the rows with it.

        Returns:
            ``(n,)`` float32.

        Examples:
            >>> rows = np.eye(4, dtype=np.float32)
            >>> Moments.of(rows).z(rows[0], rows @ rows[0]).astype(int).tolist()
            [8, 0, 0, 0]
        """
        q, s = query.astype(np.float64), scores.astype(np.float64)
        total, squares = float(q @ self.total), float(dots(self.products, q) @ q)
        others = max(self.count - 1, 0)
        mean = (total - s) / others if others else np.zeros_like(s)
        variance = np.maximum((squares - s**2) / others - mean**2, 0.0) if others else mean
        expected, spread = self._expected()
        level = (others * mean + FOR_MEAN * expected) / (others + FOR_MEAN)
        around = others * (variance + (mean - level) ** 2)
        deviation = np.sqrt((around + FOR_SPREAD * spread) / (others + FOR_SPREAD))
        return ((s - level) / np.maximum(deviation, _FLOOR)).astype(np.float32)

    def _expected(self) -> tuple[float, float]:
        """Mean and variance of a query's scores that rows so alike are expected to have."""
        pairs = self.count * (self.count - 1) / 2
        cosines = (float(self.total @ self.total) - float(np.trace(self.products))) / 2
        alike = (cosines + PAIRS * ALIKE) / (pairs + PAIRS)
        return TOWARDS_QUERY * alike, max(1.0 - alike, _FLOOR) / DIRECTIONS
