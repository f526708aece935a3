"""How rare tokens are: inverse document frequency over a set of chunks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rag_embed.maths.bm25 import idf


@dataclass(frozen=True, slots=True, eq=False)
class Frequencies:
    """In how many of ``count`` chunks each token occurs.

    Attributes:
        count: Number of chunks.
        chunks_with: ``(v,)`` int64, by token id; ids beyond occur nowhere.
        tokens: Number of tokens in all chunks.
    """

    count: int
    chunks_with: npt.NDArray[np.int64]
    tokens: int = 0

    @property
    def mean_length(self) -> float:
        """Tokens per chunk."""
        return self.tokens / self.count if self.count else 0.0

    @classmethod
    def of(cls, chunks: Sequence[npt.NDArray[np.int32]]) -> Frequencies:
        """Count over the token ids of chunks.

        Examples:
            >>> once, twice = np.array([5], np.int32), np.array([5, 5, 2], np.int32)
            >>> Frequencies.of([once, twice]).chunks_with.tolist()
            [0, 0, 1, 0, 0, 2]
        """
        filled = [ids for ids in chunks if len(ids)]
        if not filled:
            return cls(len(chunks), np.zeros(0, dtype=np.int64))
        ids = np.concatenate(filled).astype(np.int64)
        size = int(ids.max()) + 1
        chunk = np.repeat(np.arange(len(filled)), [len(some) for some in filled])
        pairs = np.sort(chunk * size + ids)
        distinct = pairs[np.diff(pairs, prepend=-1) > 0] % size
        return cls(len(chunks), np.bincount(distinct, minlength=size), len(ids))

    def plus(self, other: Frequencies) -> Frequencies:
        """Of both sets of chunks together.

        Examples:
            >>> one = Frequencies.of([np.array([1], np.int32)])
            >>> one.plus(Frequencies.of([np.array([1, 2], np.int32)])).chunks_with.tolist()
            [0, 2, 1]
        """
        held = _padded(self.chunks_with, other) + _padded(other.chunks_with, self)
        return Frequencies(self.count + other.count, held, self.tokens + other.tokens)

    def minus(self, other: Frequencies) -> Frequencies:
        """Of the chunks without some of them.

        Examples:
            >>> one = Frequencies.of([np.array([1], np.int32), np.array([1, 2], np.int32)])
            >>> one.minus(Frequencies.of([np.array([1, 2], np.int32)])).chunks_with.tolist()
            [0, 1, 0]
        """
        held = _padded(self.chunks_with, other) - _padded(other.chunks_with, self)
        return Frequencies(self.count - other.count, held, self.tokens - other.tokens)

    def idf(self, ids: npt.NDArray[np.int32]) -> npt.NDArray[np.float64]:
        """`maths.bm25.idf` of each token.

        Examples:
            >>> Frequencies(9, np.array([9, 0])).idf(np.array([0, 1, 7], np.int32)).round(2).tolist()
            [0.05, 3.0, 3.0]
        """
        known = ids < len(self.chunks_with)
        n = np.zeros(len(ids))
        n[known] = self.chunks_with[ids[known]]
        return idf(self.count, n)


def _padded(counts: npt.NDArray[np.int64], beside: Frequencies) -> npt.NDArray[np.int64]:
    """Counts by token id, as long as those beside them."""
    return np.pad(counts, (0, max(0, len(beside.chunks_with) - len(counts))))
