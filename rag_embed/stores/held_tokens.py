"""The tokens of chunks, held in memory by slot; see `resident`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rag_embed.maths.frequencies import Frequencies
from rag_embed.stores.byte_rows import flat_bytes
from rag_embed.stores.columns import PerReader
from rag_embed.stores.growing import Growing
from rag_embed.stores.resident import Resident
from rag_embed.stores.roster import Mask, Rows, room
from rag_embed.stores.sampled_tokens import SAMPLE
from rag_embed.stores.schema import token_columns
from rag_embed.stores.snapshot import Snapshot
from rag_embed.types import Principal, TokenBits

_ID = 4
"""Bytes of a token's id."""


class HeldTokens:
    """What a space keeps of every chunk's tokens, part by part as it was read.

    Args:
        space: The space.
        dim: Its dimension.
    """

    def __init__(self, space: str, dim: int) -> None:
        self.sources = tuple(token_columns(space))
        self.filled = Growing(np.bool_)
        self._frequencies = PerReader[Frequencies]()
        self.most = None
        self._width = -(-dim // 8)
        self._parts: list[_Read] = []
        self._places = Growing(np.int32, 2)

    def put(self, slots: Rows, table: pa.Table) -> None:
        """See `roster.Column`."""
        size = room(self.filled, slots)
        places = self._places.upto(size)
        places[slots, 0] = len(self._parts)
        places[slots, 1] = np.arange(len(slots))
        ids, bits = (table[name] for name in self.sources)
        self._parts.append(_Read.of(ids, bits, self._width))
        self.filled.upto(size)[slots] = True

    def at(self, slots: Rows) -> list[TokenBits]:
        """The tokens in some slots."""
        places = self._places.upto(int(slots.max(initial=-1)) + 1)[slots].tolist()
        return [self._parts[part].row(row) for part, row in places]

    def frequencies(self, whom: Principal | None, members: Mask) -> Frequencies:
        """See `columns.PerReader`."""
        return self._frequencies.of(whom, members, self._counted)

    def _counted(self, rows: Rows) -> Frequencies:
        return Frequencies.of([one.ids for one in self.at(rows)])


@dataclass(frozen=True, slots=True, eq=False)
class _Read:
    """The tokens of some rows, one row after the other, and ``(rows + 1,)`` where those of each begin."""

    ids: npt.NDArray[np.int32]
    bits: npt.NDArray[np.uint8]
    starts: npt.NDArray[np.int64]

    @classmethod
    def of(cls, ids: pa.ChunkedArray, bits: pa.ChunkedArray, width: int) -> _Read:
        said, starts = flat_bytes(ids)
        kept, _ = flat_bytes(bits)
        return cls(said.copy().view("<i4"), kept.copy().reshape(-1, width), starts // _ID)

    def row(self, row: int) -> TokenBits:
        some = slice(self.starts.item(row), self.starts.item(row + 1))
        return TokenBits(self.ids[some], self.bits[some])


@dataclass(frozen=True, slots=True, eq=False)
class Holding:
    """Whether the tokens of one version are in memory.

    Attributes:
        snapshot: The version.
        space: The space that keeps them.
        dim: Its dimension.
        cache_bytes: Up to this size they are read at first use. Together with the space's vectors they may
            take twice as much; then they are read once as much was spent on those that were wanted.
    """

    snapshot: Snapshot
    space: str
    dim: int
    cache_bytes: int

    @property
    def small(self) -> tuple[Resident, HeldTokens] | None:
        """The tokens, where they are few."""
        resident = self.snapshot.resident
        if resident is None or self._needed(resident) > self.cache_bytes:
            return None
        return resident, self._filled(resident)

    def wanted(self, count: int) -> tuple[Resident, HeldTokens] | None:
        """The tokens; None where they do not fit, or where so many are still to be read one by one."""
        if (found := self.small) is not None:
            return found
        resident = self.snapshot.resident
        if resident is None:
            return None
        together = self._needed(resident) + resident.count * self.dim * 4
        if together > 2 * self.cache_bytes:
            return None
        if not resident.roster.all_at_once(self._key, count, resident.count):
            return None
        return resident, self._filled(resident)

    @property
    def _key(self) -> tuple[str, str]:
        return "tokens", self.space

    def _filled(self, resident: Resident) -> HeldTokens:
        return resident.filled(self._key, partial(HeldTokens, self.space, self.dim))

    def _needed(self, resident: Resident) -> float:
        """Bytes of all tokens, by those of `SAMPLE` evenly spaced chunks."""
        measured, rows = resident.roster.measured, resident.count
        size, among = measured.get(self._key, (0.0, 0))
        if rows > 2 * among:
            column = token_columns(self.space)[0]
            some = pc.binary_length(self.snapshot.evenly(SAMPLE, column, None)[column])
            size = pc.mean(some).as_py() or 0.0
            measured[self._key] = size, rows
        return rows * size * (1 + -(-self.dim // 8) / 4)
