"""Words of one owner's chunks, by slot; see `resident`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rag_embed.maths.bm25 import Counts, Postings
from rag_embed.stores.growing import Growing
from rag_embed.stores.roster import Mask, Rows
from rag_embed.types import Scores

_SPARE = 64
"""Texts that are no longer there and are always borne."""


class PrivateTexts:
    """An owner's texts, in parts that are joined as they pile up: a new text costs what it holds."""

    def __init__(self) -> None:
        self._known = Growing(np.bool_)
        self._parts: list[tuple[Rows, Postings]] = []

    def lacking(self, mine: Mask) -> Rows:
        """Slots whose texts are still to be added.

        Args:
            mine: The owner's slots in one version, as a mask.
        """
        known = sum(len(slots) for slots, _ in self._parts)
        if known > 2 * np.count_nonzero(mine) + _SPARE:
            self._known, self._parts = Growing(np.bool_), []
        return np.flatnonzero(mine & ~self._known.upto(len(mine)))

    def add(self, slots: Rows, texts: Sequence[Sequence[str]]) -> None:
        """Add analysed texts."""
        self._known.upto(int(slots.max(initial=-1)) + 1)[slots] = True
        part = slots, Postings.of(texts)
        while self._parts and len(self._parts[-1][0]) <= 2 * len(part[0]):
            before = self._parts.pop()
            part = np.concatenate([before[0], part[0]]), before[1].plus(part[1])
        self._parts.append(part)

    def scores(
        self, words: Sequence[str], mine: Mask, allowed: Mask, beside: Counts
    ) -> tuple[Rows, Scores]:
        """Slots that share a word with a query, and their BM25.

        Args:
            words: Of the query.
            mine: The owner's slots in one version, as a mask.
            allowed: Slots that may be found, likewise.
            beside: What is known of the shared texts.
        """
        counts = beside
        for slots, postings in self._parts:
            counts = counts.plus(postings.counts(words, _among(slots, mine)))
        found = [np.empty(0, dtype=np.intp)]
        scores = [np.empty(0, dtype=np.float32)]
        for slots, postings in self._parts:
            some = postings.scores(words, counts)
            kept = _among(slots, mine & allowed) & (some > 0)
            found.append(slots[kept])
            scores.append(some[kept])
        return np.concatenate(found), np.concatenate(scores)


def _among(slots: Rows, mask: Mask) -> Mask:
    """Which slots a mask holds; those beyond it are of later versions."""
    inside = slots < len(mask)
    held: Mask = inside & mask[np.where(inside, slots, 0)] if len(mask) else inside
    return held
