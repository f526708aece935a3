"""What scores of owned chunks need of the shared ones, held in memory by slot; see `resident`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from zlib import crc32

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rag_embed.analysis import Analyzer
from rag_embed.stores.growing import Growing
from rag_embed.stores.private_texts import PrivateTexts
from rag_embed.stores.resident import Resident
from rag_embed.stores.roster import Mask, Numbers, Rows, room, row_numbers

SAMPLE = 4096
"""Shared chunks whose words are counted for the mean length of a text."""

_WORDS = 256
"""Words of which it is remembered what holds them."""

_OWNERS = 256
"""Owners whose texts are kept."""


class Lexicon:
    """A column of lexical texts: words that were asked for, and how many each text has.

    Args:
        analyzer: Settings of lexical search.
        known: Slots of the version at which it begins, as a mask: what they hold is asked of the
            full-text index, word by word. Only later ones are analysed.
    """

    def __init__(self, analyzer: Analyzer, known: Mask) -> None:
        self.sources = ("lexical_text",)
        self.most = SAMPLE
        self.filled = Growing(np.bool_)
        self.filled.upto(len(known))[:] = known
        self._analyzer = analyzer
        self._lengths = Growing(np.int32)  # and one more, for those that were counted
        self._draws = Growing(np.uint32)
        self._drawn = 0
        self._holding: dict[str, tuple[Growing[np.bool_], Growing[np.bool_]]] = {}
        self._texts: dict[str, PrivateTexts] = {}

    def put(self, slots: Rows, table: pa.Table) -> None:
        """See `roster.Column`."""
        size = room(self.filled, slots)
        lengths, filled = self._lengths.upto(size), self.filled.upto(size)
        for slot, text in zip(slots.tolist(), table["lexical_text"].to_pylist(), strict=True):
            words = self._analyzer.words(text or "")
            lengths[slot], filled[slot] = len(words) + 1, True
            present = set(words)
            for word, (holds, known) in self._holding.items():
                holds.upto(size)[slot] = word in present
                known.upto(size)[slot] = True

    def holding(self, word: str, version: Resident, find: Callable[[], Numbers]) -> int:
        """In how many shared chunks a word occurs.

        Args:
            word: Analysed.
            version: The chunks; the lexicon is filled for them.
            find: The row numbers of the chunks that hold the word.
        """
        shared = version.of(None)
        known = self._holding.pop(word, None)
        if known is None or (shared & ~known[1].upto(version.size)).any():
            known = Growing(np.bool_), Growing(np.bool_)
            known[0].upto(version.size)[:] = version.mask(find())
            known[1].upto(version.size)[:] = version.live
            if len(self._holding) >= _WORDS:
                self._holding.pop(next(iter(self._holding)))
        self._holding[word] = known
        return int(np.count_nonzero(shared & known[0].upto(version.size)))

    def length(self, version: Resident) -> tuple[int, float]:
        """Number of shared chunks, and their mean length in words, over `SAMPLE` of them.

        Which are counted depends on their ids: after a change they are the same but for what changed.
        """
        slots = np.flatnonzero(version.of(None))
        count = len(slots)
        if count > SAMPLE:
            draws = self._draws_upto(version.size, version.roster.ids)[slots]
            slots = slots[draws <= np.partition(draws, SAMPLE - 1)[SAMPLE - 1]]
        lacking = slots[self._lengths.upto(version.size)[slots] == 0]
        if len(lacking):
            table = version.snapshot.at(version.roster.numbers[lacking], self.sources)
            self.put(version.roster.slots(row_numbers(table))[0], table)
        lengths = self._lengths.upto(version.size)[slots]
        return count, float(lengths.mean() - 1) if count else 0.0

    def _draws_upto(self, size: int, ids: Sequence[str]) -> npt.NDArray[np.uint32]:
        draws = self._draws.upto(size)
        for slot in range(self._drawn, size):
            draws[slot] = crc32(ids[slot].encode("utf-8", "surrogatepass"))
        self._drawn = max(self._drawn, size)
        return draws

    def texts(
        self, owner: str, version: Resident, read: Callable[[Rows], pa.Table]
    ) -> PrivateTexts:
        """The texts of an owner's chunks.

        Args:
            owner: The owner.
            version: The chunks.
            read: From slots to a table with their ``private_text`` and row numbers.
        """
        known = self._texts.pop(owner, None) or PrivateTexts()
        if len(self._texts) >= _OWNERS:
            self._texts.pop(next(iter(self._texts)))
        self._texts[owner] = known
        lacking = known.lacking(version.of(owner))
        if len(lacking):
            table = read(lacking)
            slots = version.roster.slots(row_numbers(table))[0]
            known.add(
                slots, [self._analyzer.words(t or "") for t in table["private_text"].to_pylist()]
            )
        return known
