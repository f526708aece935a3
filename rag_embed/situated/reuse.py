"""A document that changed: which of its chunks must be situated again, and which keep their vectors.

A chunk's vector is a function of what its space reads for it: the chunk under its title, its heading,
the windows it lies in. Where that is the same as before, so is the vector, wherever in the document
the chunk is now.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rag_embed.protocols import ChunkEncoder, View
from rag_embed.situated.space import sources
from rag_embed.situated.tokens import encoded
from rag_embed.types import Cut, TokenBits, Vectors


def encoded_again(
    name: str, space: ChunkEncoder, cuts: Sequence[Cut], before: Sequence[Cut], view: View
) -> tuple[Vectors, list[TokenBits] | None]:
    """Rows and tokens of all chunks; those that are the same as before are read, not encoded.

    Args:
        name: Of the space in the store.
        space: How chunks are situated.
        cuts: Documents with all of their chunks.
        before: What the store holds of these documents, whole.
        view: Of the store.
    """
    new, old = sources(space, cuts), sources(space, before)
    if not new or not old:
        return encoded(space, cuts)
    held = [chunk.id for _, chunks in before for chunk in chunks]
    known = dict(zip(old, held, strict=True))
    kept = np.array([one in known for one in new])
    ids = [known[one] for one in new if one in known]
    rows = np.empty((len(new), space.signature.dim), dtype=np.float32)
    rows[kept] = view.vectors(name, ids)
    rows[~kept], fresh = encoded(space, _only(cuts, (~kept).tolist()))
    if fresh is None:
        return rows, None
    some, others = iter(view.tokens(name, ids)), iter(fresh)
    return rows, [next(some if one else others) for one in kept]


def _only(cuts: Sequence[Cut], wanted: Sequence[bool]) -> list[Cut]:
    marks = iter(wanted)
    some = [Cut(document, [one for one in chunks if next(marks)]) for document, chunks in cuts]
    return [one for one in some if one.chunks]
