"""How many tokens lie in a part of a text: two sorted arrays and a binary search."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rag_embed.types import Spans

LONGEST = 40
"""A token of more characters counts once per ``LONGEST``.

A tokenizer may read a megabyte of base64 as one unknown token; a chunk must not become that large.
"""

Offsets = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TokenCounts:
    """Counts the tokens that touch a character range.

    Attributes:
        starts: ``(n,)`` int64, sorted.
        ends: ``(n,)`` int64, sorted on its own.

    Examples:
        >>> counts = TokenCounts.of(np.array([[0, 3], [4, 7], [7, 8]]))
        >>> counts.between(0, 7), counts.between(5, 8), counts.reach(0, 2)
        (2, 2, 7)
    """

    starts: Offsets
    ends: Offsets

    @classmethod
    def of(cls, spans: Spans) -> TokenCounts:
        """Prepare ``(n, 2)`` character offsets for counting; their order does not matter."""
        starts, ends = spans[:, 0], spans[:, 1]
        pieces = np.maximum(1, -(-(ends - starts) // LONGEST))
        if np.any(pieces > 1):
            last = np.repeat(ends, pieces)
            nth = np.arange(len(last)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
            starts = np.repeat(starts, pieces) + nth * LONGEST
            ends = np.minimum(starts + LONGEST, last)
        return cls(np.sort(starts, kind="stable"), np.sort(ends, kind="stable"))

    def before(self, starts: Offsets) -> Offsets:
        """Tokens that end at or before each offset."""
        return self.ends.searchsorted(starts, side="right").astype(np.int64, copy=False)

    def until(self, ends: Offsets) -> Offsets:
        """Tokens that start before each offset; minus `before` of a start: tokens in that range."""
        return self.starts.searchsorted(ends, side="left").astype(np.int64, copy=False)

    def between(self, start: int, end: int) -> int:
        """Tokens with at least one character in ``[start, end)``."""
        ended = self.ends.searchsorted(start, side="right")
        return max(0, int(self.starts.searchsorted(end, side="left") - ended))

    def reach(self, start: int, n: int) -> int | None:
        """The largest end such that ``between(start, end) <= n``; None when the text ends first."""
        index = int(self.ends.searchsorted(start, side="right")) + n
        return int(self.starts[index]) if index < len(self.starts) else None
