"""Late interaction on one bit a number: float query tokens against the signs of document tokens.

MaxSim is that of ColBERT (Khattab and Zaharia, SIGIR 2020); the tokens are those of any encoder.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from rag_embed.maths.products import ALONE

Bits = npt.NDArray[np.uint8]

_BLOCK = 256
"""Tokens whose bits are written out at a time at most: they stay in the processor's cache."""

_LEAST = 16
"""Tokens at a time below which a product is not worth being kept on one thread."""


def sign_bits(rows: npt.NDArray[np.floating], mean: npt.NDArray[np.floating]) -> Bits:
    """One bit a number: whether it is above the mean.

    Args:
        rows: ``(n, dim)`` token vectors.
        mean: ``(dim,)`` what they are centred on.

    Returns:
        ``(n, ceil(dim / 8))`` uint8; unused bits of the last byte are 0.

    Examples:
        >>> sign_bits(np.array([[1.0, -1.0, 3.0]]), np.array([0.0, 0.0, 4.0])).tolist()
        [[128]]
    """
    return np.packbits(rows > mean, axis=1)


def maxsim(
    query: npt.NDArray[np.float32],
    weights: npt.NDArray[np.floating],
    documents: Sequence[Bits],
) -> npt.NDArray[np.float32]:
    """Weighted MaxSim of one query with documents whose tokens are sign bits.

    For query tokens ``q_i`` of weight ``w_i`` and a document's tokens ``s_j`` in ``{-1, 1}^dim``::

        sum_i w_i * max(0, max_j cos(q_i, s_j))^2 / sum_i w_i

    Squares let a few words that are found outweigh many that are somewhat like something.

    Args:
        query: ``(m, dim)`` unit rows, centred like the documents' tokens.
        weights: ``(m,)`` >= 0.
        documents: Of each document ``(n, ceil(dim / 8))`` from `sign_bits`; n may be 0.

    Returns:
        ``(len(documents),)`` float32 in [0, 1]; 0 where either side has nothing.

    Examples:
        >>> query = np.array([[1.0, 0.0], [0.0, 1.0]], dtype=np.float32)
        >>> documents = [sign_bits(np.array([[1.0, -1.0]]), np.zeros(2))]
        >>> maxsim(query, np.array([1.0, 1.0]), documents).round(4).tolist()
        [0.25]
    """
    scores = np.zeros(len(documents), dtype=np.float32)
    sizes = [len(bits) for bits in documents]
    total = float(weights.sum())
    filled = [i for i, size in enumerate(sizes) if size]
    if total <= 0.0 or not filled:
        return scores
    similar = cosines(query, np.concatenate([documents[i] for i in filled]))
    starts = np.cumsum([0, *(sizes[i] for i in filled[:-1])])
    best = np.maximum(np.maximum.reduceat(similar, starts, axis=0), 0.0)
    scores[filled] = best**2 @ weights / total
    return scores


def cosines(query: npt.NDArray[np.float32], tokens: Bits) -> npt.NDArray[np.float32]:
    """Cosine of every token with every query token.

    Args:
        query: ``(m, dim)`` unit rows.
        tokens: ``(n, ceil(dim / 8))`` from `sign_bits`.

    Returns:
        ``(n, m)`` float32.

    Examples:
        >>> found = cosines(np.eye(2, dtype=np.float32), np.array([[128]], np.uint8))
        >>> [[round(float(one), 2) for one in row] for row in found]
        [[0.71, -0.71]]
    """
    dim = query.shape[1]
    found = np.empty((len(tokens), len(query)), dtype=np.float32)
    columns = np.ascontiguousarray(query.T)
    step = ALONE // max(columns.size, 1)
    step = min(step, _BLOCK) if step >= _LEAST else _BLOCK
    for start in range(0, len(tokens), step):
        block = slice(start, start + step)
        ones = np.unpackbits(tokens[block], axis=1, count=dim).astype(np.float32)
        np.dot(ones, columns, out=found[block])
    found *= 2  # a sign is twice its bit less one
    found -= query.sum(axis=1)
    found /= np.float32(np.sqrt(dim))
    return found
