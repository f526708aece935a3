"""The words of single chunks, read from where they are stored."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from rag_embed.stores.schema import WORDS
from rag_embed.stores.snapshot import Snapshot

FEW = 1000
"""Chunk ids that a search is given as a filter; of more, it finds more and drops some."""


def holding_of(
    snapshot: Snapshot, words: Sequence[str], ids: Sequence[str]
) -> npt.NDArray[np.bool_]:
    """See `protocols.View.holding`."""
    said: dict[str, set[str]] = {}
    for start in range(0, len(ids), FEW) if words else ():
        for row in snapshot.by_id(ids[start : start + FEW], ["id", *WORDS]).to_pylist():
            said[row["id"]] = {word for name in WORDS for word in (row[name] or "").split()}
    found = [[word in said.get(id, ()) for id in ids] for word in words]
    return np.array(found, dtype=np.bool_).reshape(len(words), len(ids))
