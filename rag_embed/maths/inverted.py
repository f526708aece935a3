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

Rows = npt.NDArray[np.int32]
Times = npt.NDArray[np.unsignedinteger]
Mask = npt.NDArray[np.bool_]
N = TypeVar("N", npt.NDArray[np.int64], npt.NDArray[np.float64])

_ROW = 32
"""Bits of a key that are a row; the word is above."""


@dataclass(frozen=True, slots=True, eq=False)
class Inverted:
    """Which rows hold which word.

    Attributes:
        words: ``(w,)`` the distinct words, as numbers in ascending order.
        starts: ``(w + 1,)`` where the rows of each begin.
        rows: ``(p,)`` distinct rows for each word.
        times: ``(p,)`` how often the row has the word.
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
        at = int(np.searchsorted(self.words, word))
        if at == len(self.words) or self.words[at] != word:
            return self.rows[:0], self.times[:0]
        some = slice(self.starts[at], self.starts[at + 1])
        return self.rows[some], self.times[some]


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
        gone = int(owners[live].max(initial=-1)) + 2
        group = np.where(live, owners + 1, gone).astype(np.int32)
        count = _and_shared(np.bincount(group[lengths > 0], minlength=gone + 1))
        total = _and_shared(np.bincount(group, lengths, minlength=gone + 1))
        mean = np.where(count, total / np.maximum(count, 1), 1.0)
        norm = K1 * (1 - B + B * lengths / mean[group])
        return cls(group if group.any() else None, count, norm)

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
        values = np.concatenate([self._values(rows, times) for rows, times in said])
        rows = np.concatenate([rows for rows, _ in said])
        total = np.bincount(rows, values, minlength=len(self.norm)).astype(np.float32)
        total *= among
        return total

    def _values(self, rows: Rows, times: Times) -> npt.NDArray[np.float64]:
        """What a word that some rows hold adds to each of them."""
        if self.group is None:
            rarity = float(idf(int(self.count[0]), np.float64(len(rows))))
            values = rarity * times.astype(np.float64)
        else:
            group = self.group[rows]
            holding = _and_shared(np.bincount(group, minlength=len(self.count)))
            values = idf(self.count, holding)[group] * times.astype(np.float64)
        values *= K1 + 1
        values /= times + self.norm[rows]
        return values


def _changes(values: npt.NDArray[np.integer]) -> Mask:
    """Where a value is another than the one before."""
    new = np.ones(len(values), dtype=np.bool_)
    np.not_equal(values[1:], values[:-1], out=new[1:])
    return new


def _and_shared(own: N) -> N:
    """Of each group alone -> of it and the shared rows; of rows that do not count, whatever."""
    own[1:] += own[0]
    return own
