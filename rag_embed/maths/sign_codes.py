"""Vectors as two bits a number, to find what is near a query without reading all of them.

The share of signs in which two vectors differ tells the angle between them (Charikar, STOC 2002). Signs
are taken about the mean, once as the numbers are and once after a rotation, in a fifteenth of the memory
of the vectors; whoever searches scores the nearest again.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rag_embed.types import Vectors

Slots = npt.NDArray[np.intp]
Distances = npt.NDArray[np.uint16]

_ROWS, _CODED = 8192, 128
"""Rows whose codes lie together, and that are coded at a time: what is made of them on the way stays in the
processor's cache."""

_AXES = 16
"""Numbers that are rotated together: as good as all of them together, and cheap."""

_WORD = 64


class SignCodes:
    """The codes of rows that come in any order.

    Args:
        mean: ``(dim,)`` what signs are taken about, of the rows or of some of them.

    Examples:
        >>> codes = SignCodes(np.zeros(64, dtype=np.float32))
        >>> codes.put(np.arange(2), np.stack([np.ones(64), -np.ones(64)]).astype(np.float32))
        >>> codes.distances(np.ones(64, dtype=np.float32), 2).tolist()
        [0, 128]
    """

    def __init__(self, mean: npt.NDArray[np.float32]) -> None:
        noise = np.random.default_rng(0).standard_normal((_AXES, _AXES))
        self._rotation = np.linalg.qr(noise)[0].astype(np.float32)
        self._padding = -len(mean) % _WORD
        self._means = self._turns(mean[None])
        self._blocks: list[npt.NDArray[np.uint64]] = []

    def put(self, slots: Slots, rows: Vectors) -> None:
        """Keep the codes of some rows.

        Args:
            slots: ``(n,)`` their distinct numbers, >= 0.
            rows: ``(n, dim)``.
        """
        for start in range(0, len(slots), _CODED):
            some, codes = slots[start : start + _CODED], self._coded(rows[start : start + _CODED])
            for block in np.unique(some // _ROWS).tolist():
                while len(self._blocks) <= block:
                    self._blocks.append(np.zeros((codes.shape[1], _ROWS), dtype=np.uint64))
                here = some // _ROWS == block
                self._blocks[block][:, some[here] % _ROWS] = codes[here].T

    def distances(self, vector: npt.NDArray[np.float32], size: int) -> Distances:
        """In how many bits the first rows differ from a vector; whatever for rows that never came.

        Args:
            vector: ``(dim,)``.
            size: How many rows.
        """
        code = self._coded(vector[None])[0][:, None]
        found = np.zeros((-(-size // _ROWS), _ROWS), dtype=np.uint16)
        for into, block in zip(found, self._blocks, strict=False):
            np.bitwise_count(block ^ code).sum(axis=0, dtype=np.uint16, out=into)
        return found.reshape(-1)[:size]

    def _coded(self, rows: Vectors) -> npt.NDArray[np.uint64]:
        """``(n, words)``."""
        turns = zip(self._turns(rows), self._means, strict=True)
        bits = [np.packbits(turned > mean, axis=1) for turned, mean in turns]
        return np.concatenate(bits, axis=1).view(np.uint64)

    def _turns(self, rows: Vectors) -> tuple[Vectors, Vectors]:
        """The rows as they are and after a rotation."""
        if self._padding:
            rows = np.pad(rows, ((0, 0), (0, self._padding)))
        return rows, (rows.reshape(-1, _AXES) @ self._rotation).reshape(rows.shape)
