"""The words of chunks, held in memory by slot; see `resident`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from threading import Lock

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rag_embed.maths.inverted import Inverted, Rows, Times, joined
from rag_embed.stores.growing import Growing
from rag_embed.stores.roster import Rows as Slots
from rag_embed.stores.roster import room
from rag_embed.stores.schema import WORDS

_MANY = 65_536
"""Rows after which words that were read are sorted, though nobody has asked yet."""

_SORTED = 2**20
"""Words that are sorted at a time: more of them leave the processor's caches."""


class HeldWords:
    """Which chunks hold a word, in parts that are joined as they pile up: a new chunk costs what it holds.

    Args:
        only: Words that are kept; all by default.
    """

    def __init__(self, only: Collection[str] | None = None) -> None:
        self.sources = WORDS
        self.filled = Growing(np.bool_)
        self.most = None
        self._only = (
            None if only is None else pa.array([f"{word} " for word in sorted(only)], pa.string())
        )
        self._lengths = Growing(np.int32)
        self._numbers: dict[str, int] = {}
        self._parts: list[Inverted] = []
        self._fresh: list[tuple[pa.Array, Rows]] = []
        self._waiting = 0
        self._lock = Lock()

    def put(self, slots: Slots, table: pa.Table) -> None:
        """See `roster.Column`."""
        size = room(self.filled, slots)
        said = [said_by(table[name]) for name in self.sources]  # a row has a text in one of them
        found = []
        for words, lengths in said:
            rows = np.repeat(slots.astype(np.int32), lengths)
            if self._only is not None:
                kept = pc.is_in(words, self._only)
                words, rows = words.filter(kept), rows[kept.to_numpy(zero_copy_only=False)]
            found.append((words, rows))
        with self._lock:
            self._lengths.upto(size)[slots] = sum(lengths for _, lengths in said)
            self.filled.upto(size)[slots] = True
            self._fresh += found
            self._waiting += len(slots)
            if self._waiting >= _MANY:
                self._sort()

    def lengths(self, size: int) -> npt.NDArray[np.int32]:
        """Words of each of the first slots."""
        return self._lengths.upto(size)

    def holding(self, words: Sequence[str], size: int) -> list[tuple[Rows, Times]]:
        """For each word, those of the first slots that hold it, and how often each does."""
        with self._lock:
            self._sort()
            parts = tuple(self._parts)
        return [self._of(self._numbers.get(f"{word} "), parts, size) for word in words]

    @property
    def nbytes(self) -> int:
        """Bytes that postings take, without the words themselves."""
        return sum(part.nbytes for part in self._parts)

    def _of(self, number: int | None, parts: Sequence[Inverted], size: int) -> tuple[Rows, Times]:
        found = [] if number is None else [part.holding(number) for part in parts]
        found = [(rows, times) for rows, times in found if len(rows)]
        if not found:
            return np.empty(0, np.int32), np.empty(0, np.uint8)
        rows, times = found[0]
        if len(found) > 1:
            rows, times = (np.concatenate(column) for column in zip(*found, strict=True))
        known = rows < size  # others are of later versions
        return (rows, times) if known.all() else (rows[known], times[known])

    def _sort(self) -> None:
        """Make a part of what was read; the caller holds the lock."""
        if not self._fresh:
            return
        words = pa.chunked_array([words for words, _ in self._fresh], pa.string())
        coded = words.combine_chunks().dictionary_encode()
        numbers = [
            self._numbers.setdefault(word, len(self._numbers))
            for word in coded.dictionary.to_pylist()
        ]
        said = np.array(numbers, dtype=np.int32)[coded.indices.to_numpy()]
        rows = np.concatenate([rows for _, rows in self._fresh])
        start, parts = 0, list(self._parts)
        for end in np.cumsum([len(rows) for _, rows in self._fresh]).tolist():
            if end - start >= _SORTED or start < end == len(rows):
                part = Inverted.of(said[start:end], rows[start:end])
                parts = joined(parts, part)
                start = end
        self._parts, self._fresh, self._waiting = parts, [], 0


def said_by(texts: pa.ChunkedArray) -> tuple[pa.Array, npt.NDArray[np.intp]]:
    """What a column of analysed texts says: all words, each with its space, and how many each row has.

    Nothing is copied: a space is where one word ends and the next begins.

    Examples:
        >>> words, lengths = said_by(pa.chunked_array([["red fox ", None, "", "fox "]]))
        >>> words.to_pylist(), lengths.tolist()
        (['red ', 'fox ', 'fox '], [2, 0, 0, 1])
    """
    known = pc.fill_null(texts, "").combine_chunks()
    _, offsets, data = known.buffers()
    if data is None:
        return pa.array([], pa.string()), np.zeros(len(known), np.intp)
    starts = np.frombuffer(offsets, np.int32)[known.offset : known.offset + len(known) + 1]
    said = np.frombuffer(data, np.uint8)[starts[0] : starts[-1]]
    ends = np.flatnonzero(said == ord(" ")) + 1
    places = pa.py_buffer(np.append(0, ends).astype(np.int32))
    words = pa.StringArray.from_buffers(len(ends), places, pa.py_buffer(said))
    return words, np.diff(np.searchsorted(ends, starts - starts[0], side="right"))
