"""Late interaction as ColBERT is trained: every query token finds its best document token."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def chamfer(
    query: npt.NDArray[np.float32], documents: Sequence[npt.NDArray[np.float32]]
) -> npt.NDArray[np.float32]:
    """MaxSim of Khattab and Zaharia (SIGIR 2020, eq. 3): ``sum_i max_j q_i . d_j``.

    All tokens count the same; `maths.maxsim` weighs them and works on sign bits.

    Args:
        query: ``(m, dim)`` rows.
        documents: Of each document ``(n, dim)`` rows; n may be 0.

    Returns:
        ``(len(documents),)`` float32; 0 where either side has nothing.

    Examples:
        >>> query = np.array([[1.0, 0.0], [0.0, 1.0]], dtype=np.float32)
        >>> document = np.array([[0.0, 1.0], [0.5, 0.5]], dtype=np.float32)
        >>> chamfer(query, [document, document[:0]]).tolist()
        [1.5, 0.0]
    """
    scores = np.zeros(len(documents), dtype=np.float32)
    filled = [i for i, rows in enumerate(documents) if len(rows)]
    if not filled or not len(query):
        return scores
    starts = np.cumsum([0, *(len(documents[i]) for i in filled[:-1])])
    similar = np.concatenate([documents[i] for i in filled]) @ query.T
    scores[filled] = np.maximum.reduceat(similar, starts, axis=0).sum(axis=1)
    return scores
