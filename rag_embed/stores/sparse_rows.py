"""What stores keep of a sparse vector: terms and their weights in half precision, two columns of bytes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rag_embed.errors import BadInput
from rag_embed.stores.byte_rows import flat_bytes
from rag_embed.types import SparseVector

_MOST = float(np.finfo(np.float16).max)


def sparse_columns(space: str) -> tuple[str, str]:
    """Columns that hold a sparse space: terms in 4 bytes each, and weights in 2, little-endian."""
    return f"sparse_ids_{space}", f"sparse_weights_{space}"


def sparse_values(space: str, rows: Sequence[SparseVector]) -> dict[str, Any]:
    """Values of `sparse_columns`, one per row."""
    ids, weights = sparse_columns(space)
    kept = [halved(one) for one in rows]
    return {
        ids: [one.ids.astype("<i4").tobytes() for one in kept],
        weights: [one.weights.astype("<f2").tobytes() for one in kept],
    }


def halved(one: SparseVector) -> SparseVector:
    """A vector as it is kept: weights with three digits, and no terms that weigh nothing then.

    Examples:
        >>> halved(SparseVector(np.array([1, 5], np.int32), np.array([0.1, 1e-9], np.float32)))
        SparseVector(ids=array([1], dtype=int32), weights=array([0.09997559], dtype=float32))
    """
    weights = one.weights.astype(np.float16)
    there = weights > 0
    return SparseVector(one.ids[there].astype(np.int32), weights[there].astype(np.float32))


def sparse_of(table: pa.Table, space: str) -> list[SparseVector]:
    """The vector of each row, in order; an empty one where it is still to be computed."""
    columns = [table[name].to_pylist() for name in sparse_columns(space)]
    return [
        SparseVector(
            np.frombuffer(ids or b"", "<i4"),
            np.frombuffer(weights or b"", "<f2").astype(np.float32),
        )
        for ids, weights in zip(*columns, strict=True)
    ]


def flat(column: pa.ChunkedArray, dtype: str) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    r"""All numbers of a column of bytes, one row after the other, and how many each row has.

    Examples:
        >>> numbers, counts = flat(pa.chunked_array([[b"\x01\x00\x02\x00", None, b"\x03\x00"]]), "<u2")
        >>> numbers.tolist(), counts.tolist()
        ([1, 2, 3], [2, 0, 1])
    """
    rows, starts = flat_bytes(column)
    return rows.view(dtype), np.diff(starts) // np.dtype(dtype).itemsize


def check_sparse(
    rows: Mapping[str, Sequence[SparseVector]], spaces: Mapping[str, int], chunks: int
) -> None:
    """Check the sparse vectors of a write.

    Args:
        rows: As in `types.ChunkRows`.
        spaces: Terms of each sparse space.
        chunks: Number of chunks written.

    Raises:
        BadInput: A space's vectors are missing, come unasked, or do not fit.
    """
    if rows.keys() != spaces.keys():
        raise BadInput(f"Expected sparse vectors for spaces {sorted(spaces)}, got {sorted(rows)}.")
    for name, some in rows.items():
        if len(some) != chunks:
            raise BadInput(
                f"Sparse space {name!r}: expected vectors of {chunks} chunks, got {len(some)}."
            )
        if not all(_fits(one, spaces[name]) for one in some):
            raise BadInput(
                f"Sparse space {name!r}: a vector names distinct terms from 0 to {spaces[name] - 1} in "
                f"ascending order, with weights above 0 and up to {_MOST:.0f}; check the encoder."
            )


def _fits(one: SparseVector, terms: int) -> bool:
    return one.is_whole and bool((one.ids < terms).all() and (one.weights <= _MOST).all())


def check_space(space: str, spaces: Collection[str]) -> None:
    """Check that there is a sparse space.

    Raises:
        BadInput: There is none of that name.
    """
    if space not in spaces:
        raise BadInput(f"Unknown sparse space {space!r}; this index has {sorted(spaces)}.")
