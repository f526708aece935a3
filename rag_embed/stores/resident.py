"""The vectors and tokens of all chunks of one version, held in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rag_embed.types import TokenBits, Vectors

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Resident:
    """A space's vectors held in memory.

    Attributes:
        ids: ``(n,)`` chunk ids.
        position: id -> row.
        row_ids: ``(n,)`` LanceDB's own row numbers, valid in this version.
        matrix: ``(n, dim)`` float32.
    """

    ids: Sequence[str]
    position: Mapping[str, int]
    row_ids: Sequence[int]
    matrix: Vectors


@dataclass(frozen=True, slots=True, eq=False)
class HeldTokens:
    """What a space keeps of every chunk's tokens.

    Attributes:
        position: Chunk id -> row.
        ids: Token ids of each row, one after the other, and where each row begins.
        bits: Sign bits, likewise.
        width: Bytes of bits a token.
    """

    position: Mapping[str, int]
    ids: tuple[Bytes, npt.NDArray[np.int64]]
    bits: tuple[Bytes, npt.NDArray[np.int64]]
    width: int

    @classmethod
    def of(cls, table: pa.Table, space: str, width: int) -> HeldTokens:
        """Of all rows of a table with ``id`` and the space's token columns."""
        return cls(
            {id: i for i, id in enumerate(table["id"].to_pylist())},
            _flat(table[f"token_ids_{space}"]),
            _flat(table[f"token_bits_{space}"]),
            width,
        )

    def __getitem__(self, chunk_id: str) -> TokenBits:
        row = self.position[chunk_id]
        ids, bits = _row(self.ids, row), _row(self.bits, row)
        return TokenBits(ids.view("<i4"), bits.reshape(-1, self.width))


def _flat(column: pa.ChunkedArray) -> tuple[Bytes, npt.NDArray[np.int64]]:
    """All bytes of a binary column, and ``(rows + 1,)`` where each row begins."""
    rows = [row or b"" for row in column.to_pylist()]
    starts = np.zeros(len(rows) + 1, dtype=np.int64)
    np.cumsum([len(row) for row in rows], out=starts[1:])
    return np.frombuffer(b"".join(rows), dtype=np.uint8), starts


def _row(flat: tuple[Bytes, npt.NDArray[np.int64]], row: int) -> Bytes:
    data, starts = flat
    return data[starts[row] : starts[row + 1]]


def matrix_of(column: pa.ChunkedArray, dim: int) -> Vectors:
    """The rows of a vector column; a row still to be computed is 0, like nothing that is asked."""
    if column.null_count:
        rows = np.zeros((len(column), dim), dtype=np.float32)
        rows[column.is_valid().to_numpy()] = matrix_of(column.drop_null(), dim)
        return rows
    parts = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in column.chunks]
    flat = np.concatenate(parts) if parts else np.empty(0, np.float32)
    return np.ascontiguousarray(flat.reshape(-1, dim), dtype=np.float32)
