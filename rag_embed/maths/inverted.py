"""Postings as flat arrays: which rows hold a word, and how often; BM25 of all of them in one pass.

The definition is in `maths.bm25`. Here the texts of many owners lie side by side, and each is judged by
what its owner sees: nobody's score tells of another's texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
import numpy.typing as npt

from rag_embed.maths.bm25 import K1, B, idf
from rag_embed.types import Scores, SparseVector

Rows = npt.NDArray[np.int32]
Times = npt.NDArray[np.unsignedinteger] | npt.NDArray[np.float16]
Mask = npt.NDArray[np.bool_]
N = TypeVar("N", npt.NDArray[np.int64], npt.NDArray[np.float64])

_GROWTH = 2
"""A part is joined with the one before it, unless that is so many times as large."""

_ROW = 32
"""Bits of a key that are a row; the word is above."""


@dataclass(frozen=True, slots=True, eq=False)
class Inverted:
    """Which rows hold which word.

    Attributes:
        words: ``(w,)`` the distinct words, as numbers in ascending order.
        starts: ``(w + 1,)`` where the rows of each begin.
        rows: ``(p,)`` distinct rows for each word.
        times: ``(p,)`` how often the row has the word, or how much the word weighs there.
    """

    words: npt.NDArray[np.int32]
    starts: npt.NDArray[np.int64]
    rows: Rows
    times: Times

    @classmethod
    def of(cls, words: npt.NDArray[np.int32], rows: Rows) -> Inverted:
        """Sort what rows say.

        Args:
            words: ``(n,)`` every word of every row, as a number >= 0.
            rows: ``(n,)`` the row that it is in, >= 0.

        Examples:
            >>> said = Inverted.of(np.array([7, 2, 7], np.int32), np.array([0, 1, 0], np.int32))
            >>> [part.tolist() for part in said.holding(7)]
            [[0], [2]]
        """
        keys = words.astype(np.uint64)
        keys <<= np.uint64(_ROW)
        keys |= rows.astype(np.uint64)
        keys.sort()
        first = np.flatnonzero(_changes(keys))
        times = np.diff(np.append(first, len(keys)))
        keys = keys[first]
        rows = keys.astype(np.uint32).view(np.int32)
        said = (keys >> np.uint64(_ROW)).astype(np.int32)
        first = np.flatnonzero(_changes(said))
        narrow = np.min_scalar_type(int(times.max(initial=0)))
        return cls(said[first], np.append(first, len(said)), rows, times.astype(narrow))

    @classmethod
    def weighted(
        cls, words: npt.NDArray[np.int32], rows: Rows, weights: npt.NDArray[np.float16]
    ) -> Inverted:
        """Sort what words weigh in rows.

        Args:
            words: ``(n,)`` words, as numbers >= 0; a row names each once.
            rows: ``(n,)`` the row of each.
            weights: ``(n,)`` how much it weighs there.
        """
        order = np.lexsort((rows, words))
        said = words[order]
        first = np.flatnonzero(_changes(said))
        return cls(said[first], np.append(first, len(said)), rows[order], weights[order])

    def plus(self, other: Inverted) -> Inverted:
        """Of these rows and others, in one pass without sorting.

        Args:
            other: Of other rows.

        Examples:
            >>> one = Inverted.of(np.array([2, 7], np.int32), np.array([0, 0], np.int32))
            >>> two = Inverted.of(np.array([7, 3], np.int32), np.array([1, 1], np.int32))
            >>> both = one.plus(two)
            >>> both.words.tolist(), both.holding(7)[0].tolist()
            ([2, 3, 7], [0, 1])
        """
        words = np.union1d(self.words, other.words)
        mine, theirs = self._before(words), other._before(words)
        wide = np.promote_types(self.times.dtype, other.times.dtype)
        rows = np.empty(len(self.rows) + len(other.rows), dtype=np.int32)
        times = np.empty(len(rows), dtype=wide)
        for part, before in (
            (self, other._before(self.words)),
            (other, self._before(other.words, "right")),
        ):
            places = np.arange(len(part.rows)) + np.repeat(before, np.diff(part.starts))
            rows[places], times[places] = part.rows, part.times
        return Inverted(words, np.append(mine + theirs, len(rows)), rows, times)

    def _before(
        self, words: npt.NDArray[np.int32], side: Literal["left", "right"] = "left"
    ) -> npt.NDArray[np.int64]:
        """How many rows lie before those of each word; or after which they end."""
        found: npt.NDArray[np.int64] = self.starts[np.searchsorted(self.words, words, side)]
        return found

    @property
    def nbytes(self) -> int:
        """Bytes that it takes."""
        return sum(part.nbytes for part in (self.words, self.starts, self.rows, self.times))

    def holding(self, word: int) -> tuple[Rows, Times]:
        """The rows that hold a word, and how often each does."""
        at = int(self.words.searchsorted(np.int32(word)))  # another type would copy all words
        if at == len(self.words) or self.words[at] != word:
            return self.rows[:0], self.times[:0]
        some = slice(self.starts[at], self.starts[at + 1])
        return self.rows[some], self.times[some]


def joined(parts: Sequence[Inverted], part: Inverted) -> list[Inverted]:
    """Parts and one more, in few: one is joined with the one before, unless that is much larger."""
    left = list(parts)
    while left and len(left[-1].rows) <= _GROWTH * len(part.rows):
        part = left.pop().plus(part)
    return [*left, part]


def dot_products(query: SparseVector, parts: Sequence[Inverted], size: int) -> Scores:
    """Of a query and each of the first rows, in float32, term by term in ascending order.

    Args:
        query: Weighs terms.
        parts: Of distinct rows; maybe of later ones too.
        size: Rows that count.

    Examples:
        >>> two = np.array([2, 7], np.int32), np.array([0, 1], np.int32), np.array([1, 0.5], np.float16)
        >>> query = SparseVector(np.array([7], np.int32), np.array([3], np.float32))
        >>> dot_products(query, [Inverted.weighted(*two)], 2).tolist()
        [0.0, 1.5]
    """
    total = np.zeros(size, dtype=np.float32)
    for word, weight in zip(query.ids.tolist(), query.weights, strict=True):
        for part in parts:
            rows, weights = part.holding(word)
            known = rows < size
            if not known.all():
                rows, weights = rows[known], weights[known]
            total[rows] += weight * weights.astype(np.float32)
    return total


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """Rows by whose they are, and what each owner's texts are judged by.

    Attributes:
        group: ``(n,)`` 0 for a shared row, ``1 + u`` for one of owner ``u``; the last is of rows that
            do not count. None where all rows are shared and count.
        count: ``(g,)`` how many texts with words each group sees: the shared ones and its own.
        norm: ``(n,)`` what the length of each row comes to, see `maths.bm25`.
    """

    group: npt.NDArray[np.int32] | None
    count: npt.NDArray[np.int64]
    norm: npt.NDArray[np.float64]

    @classmethod
    def of(cls, lengths: npt.NDArray[np.int32], owners: npt.NDArray[np.int32], live: Mask) -> Seen:
        """Count what each owner sees.

        Args:
            lengths: ``(n,)`` words of each row.
            owners: ``(n,)`` the owner's number, -1 for a shared row.
            live: ``(n,)`` which rows count.
        """
        if owners.max(initial=-1) < 0:  # nobody owns a row, as in most indexes
            return cls._shared(lengths, live)
        gone = int(owners[live].max(initial=-1)) + 2
        group = owners + np.int32(1)
        group[~live] = gone
        silent = np.bincount(group[np.flatnonzero(lengths == 0)], minlength=gone + 1)
        count = _and_shared(np.bincount(group, minlength=gone + 1) - silent)
        total = _and_shared(np.bincount(group, lengths, minlength=gone + 1))
        mean = np.where(count, total / np.maximum(count, 1), 1.0)
        return cls(group if group.any() else None, count, _norm(lengths, mean[group]))

    @classmethod
    def _shared(cls, lengths: npt.NDArray[np.int32], live: Mask) -> Seen:
        """What `of` counts where all rows are shared; those that do not count are a group of their own."""
        said = lengths if (every := bool(live.all())) else np.where(live, lengths, 0)
        count = np.array([np.count_nonzero(one) for one in ([said] if every else [said, lengths])])
        mean = int(said.sum(dtype=np.int64)) / count[0] if count[0] else 1.0
        group = None if every else (~live).astype(np.int32)
        return cls(group, count, _norm(lengths, mean))

    def bm25(self, query: Sequence[tuple[Rows, Times]], among: Mask) -> npt.NDArray[np.float32]:
        """BM25 of each row for a query, judged by what its owner sees; 0 where no word is shared.

        Args:
            query: What holds each word of it, of all rows; a word that is said twice counts twice.
            among: ``(n,)`` the rows that are asked about; the others are 0.

        Examples:
            >>> red = np.array([0, 2], np.int32), np.array([1, 1], np.uint8)
            >>> lengths, owners = np.array([2, 2, 2], np.int32), np.array([-1, -1, 0], np.int32)
            >>> seen = Seen.of(lengths, owners, np.ones(3, np.bool_))
            >>> [round(float(score), 3) for score in seen.bm25([red], np.ones(3, np.bool_))]
            [0.693, 0.0, 0.47]
        """
        said = [one for one in query if len(one[0])]
        if not said:
            return np.zeros(len(self.norm), dtype=np.float32)
        rows = np.concatenate([rows for rows, _ in said])
        times = np.concatenate([times for _, times in said])
        values = self._rarity([rows for rows, _ in said]) * times
        values *= K1 + 1
        values /= times + self.norm[rows]
        total = np.bincount(rows, values, minlength=len(self.norm)).astype(np.float32)
        if not among.all():
            total *= among
        return total

    def _rarity(self, words: Sequence[Rows]) -> npt.NDArray[np.float64]:
        """How rare each word is for the owner of each row that holds it, word after word."""
        if self.group is None:
            sizes = np.array([len(rows) for rows in words])
            return np.repeat(idf(int(self.count[0]), sizes), sizes)
        groups = [self.group[rows] for rows in words]
        holding = (_and_shared(np.bincount(one, minlength=len(self.count))) for one in groups)
        rare = (idf(self.count, some)[one] for one, some in zip(groups, holding, strict=True))
        return np.concatenate([*rare])


def _norm(
    lengths: npt.NDArray[np.int32], mean: float | npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    norm = np.asarray(B * lengths / mean, dtype=np.float64)
    norm += 1 - B
    norm *= K1
    return norm


def _changes(values: npt.NDArray[np.integer]) -> Mask:
    """Where a value is another than the one before."""
    new = np.ones(len(values), dtype=np.bool_)
    np.not_equal(values[1:], values[:-1], out=new[1:])
    return new


def _and_shared(own: N) -> N:
    """Of each group alone -> of it and the shared rows; of rows that do not count, whatever."""
    own[1:] += own[0]
    return own
