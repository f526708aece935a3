"""How rare tokens are in chunks whose tokens are too many for memory: counted in some chunks, kept in step.

The number of a chunk's id decides whether it counts, so that a sample which followed the changes of an index
is the one that a new process draws.
"""

from __future__ import annotations

from zlib import crc32

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rag_embed.maths.frequencies import Frequencies
from rag_embed.stores.columns import PerReader
from rag_embed.stores.growing import Growing
from rag_embed.stores.resident import Resident
from rag_embed.stores.roster import Mask, Rows, row_numbers
from rag_embed.stores.schema import token_columns
from rag_embed.types import Principal

SAMPLE = 4096
"""Chunks that tokens are counted in at most: a rarer token weighs as much as one that occurs nowhere."""


class SampledTokens:
    """Frequencies of a space's tokens, for all versions in a roster.

    Args:
        source: The column that they are read from, as the table describes it.
    """

    def __init__(self, source: pa.Field) -> None:
        self._source = source
        self._numbers = Growing(np.uint32)
        self._numbered = 0
        self._known: dict[int, npt.NDArray[np.int32]] = {}
        self._frequencies = PerReader[Frequencies]()

    @classmethod
    def of(cls, resident: Resident, space: str) -> SampledTokens:
        """Those of a version's roster; new ones where the column was made anew."""
        source, kept = resident.snapshot.columns[token_columns(space)[0]], resident.roster.samples
        if space not in kept or not source.equals(kept[space]._source, check_metadata=True):
            kept[space] = cls(source)
        found: SampledTokens = kept[space]
        return found

    def frequencies(self, resident: Resident, whom: Principal | None) -> Frequencies:
        """Of chunks for somebody that are not for everybody, or of those that are, in one version."""
        with resident.roster.lock:
            members = self._sample(resident, resident.of(whom))
            chosen = np.flatnonzero(members)
            lacking = [slot for slot in chosen.tolist() if slot not in self._known]
            if lacking:
                self._read(resident, lacking)
            return self._frequencies.of(whom, members, self._counted)

    def _sample(self, resident: Resident, members: Mask) -> Mask:
        """Those of some slots that count: ids with the smallest numbers, all or an eighth less, and so on."""
        numbers = self._numbers.upto(resident.size)
        for slot in range(self._numbered, resident.size):
            numbers[slot] = crc32(resident.roster.ids[slot].encode())
        self._numbered = max(self._numbered, resident.size)
        below = 2**32
        while np.count_nonzero(members) > SAMPLE:
            below -= below // 8
            members = members & (numbers < below)
        return members

    def _read(self, resident: Resident, slots: list[int]) -> None:
        table = resident.snapshot.at(resident.roster.numbers[slots], [self._source.name])
        places = resident.roster.slots(row_numbers(table))[0].tolist()
        for slot, one in zip(places, table[self._source.name].to_pylist(), strict=True):
            self._known[slot] = np.frombuffer(one or b"", "<i4")

    def _counted(self, rows: Rows) -> Frequencies:
        return Frequencies.of([self._known[slot] for slot in rows.tolist()])
