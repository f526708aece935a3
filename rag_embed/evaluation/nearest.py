"""How many of the nearest chunks a search finds where an index stands between: its recall, measured."""

from __future__ import annotations

import numpy as np

from rag_embed.protocols import View

_BLOCK = 10_000
_EQUAL = 1e-5
"""Products that differ by no more are the same."""


def recall(view: View, space: str, *, sampled: int = 100, n: int = 10) -> float:
    """Share of the ``n`` nearest chunks that a search finds, asked by vectors of evenly spaced chunks.

    All vectors are read and compared. It is 1 where a search does the same, as with few vectors in memory.

    Args:
        view: The version that is searched.
        space: The vector space.
        sampled: How many chunks ask, about; at least one.
        n: How many are to be found, at least one.

    Examples:
        >>> from rag_embed import Document, Index
        >>> from rag_embed.encoders import HashEncoder
        >>> index = Index.in_memory(encoder=HashEncoder())
        >>> index.add([Document("a", "The fox is red."), Document("b", "The sea is blue.")]).added
        2
        >>> recall(index.store.view(), "dense", n=1)
        1.0
    """
    ids = view.passing(None)
    if not ids:
        return 1.0
    n = min(n, len(ids))
    queries = view.vectors(space, ids[:: -(-len(ids) // sampled)])
    best = np.full((len(queries), n), -np.inf, dtype=np.float32)
    for start in range(0, len(ids), _BLOCK):
        rows = view.vectors(space, ids[start : start + _BLOCK])
        scores = np.concatenate([best, queries @ rows.T], axis=1)
        best = np.partition(scores, -n, axis=1)[:, -n:]
    least = best.min(axis=1) - _EQUAL
    found = view.nearest(space, queries, n, None)
    kept = [np.count_nonzero(one >= low) for (_, one), low in zip(found, least, strict=True)]
    return float(np.mean(kept) / n)
