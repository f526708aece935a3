"""A document that changed: which of its chunks must be situated again, and which keep their vectors.

A chunk's vector is a function of what its space reads for it: the chunk under its title, its heading,
the windows it lies in. Where that is the same as before, so is the vector, wherever in the document
the chunk is now.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import numpy as np

from rag_embed.protocols import ChunkEncoder, View
from rag_embed.situated.described import Described
from rag_embed.situated.late import Late
from rag_embed.situated.residual import DocumentMean, Groups, Headed, Heading, Residual
from rag_embed.situated.titled import Isolated, Titled
from rag_embed.situated.tokens import WithTokens, encoded
from rag_embed.texts import heading, titled
from rag_embed.types import Chunk, Document, TokenBits, Vectors


def sources(space: ChunkEncoder, groups: Groups) -> list[str] | None:
    """Per chunk a digest of all that its vector and its tokens depend on, the model aside.

    Args:
        space: How chunks are situated.
        groups: Documents with all of their chunks.

    Returns:
        One per chunk, in order; None for a space that is not of this library.

    Examples:
        >>> from rag_embed.encoders import HashEncoder
        >>> old, new = Document("d", "One. Two."), Document("d", "Zero. Two.")
        >>> chunks = [Chunk.of(old, 0, 4), Chunk.of(old, 5, 9)], [Chunk.of(new, 6, 10)]
        >>> before = sources(Isolated(HashEncoder()), [(old, chunks[0])])
        >>> sources(Isolated(HashEncoder()), [(new, chunks[1])]) == before[1:]
        True
    """
    match space:
        case WithTokens():
            return sources(space.space, groups)
        case Isolated() | Titled():
            return [_digest(text) for text in space.texts(groups)]
        case Heading() | Headed():
            above = [heading(chunk) for _, chunks in groups for chunk in chunks]
            inner = sources(space.space, groups)
            return inner and [_digest(a, b) for a, b in zip(above, inner, strict=True)]
        case Residual():
            first, second = sources(space.a, groups), sources(space.b, groups)
            if first is None or second is None:
                return None
            return [_digest(a, b) for a, b in zip(first, second, strict=True)]
        case DocumentMean():
            return _of_all(sources(space.space, groups), groups)
        case Described():  # a context may be about any part of the document
            return [
                _digest(document.title, document.text, chunk.start, titled(chunk))
                for document, chunks in groups
                for chunk in chunks
            ]
        case Late():
            return [one for group in groups for one in _windows(space, *group)]
        case _:
            return None


def encoded_again(
    name: str, space: ChunkEncoder, groups: Groups, before: Groups, view: View
) -> tuple[Vectors, list[TokenBits] | None]:
    """Rows and tokens of all chunks; those that are the same as before are read, not encoded.

    Args:
        name: Of the space in the store.
        space: How chunks are situated.
        groups: Documents with all of their chunks.
        before: What the store holds of these documents, whole.
        view: Of the store.
    """
    new, old = sources(space, groups), sources(space, before)
    if not new or not old:
        return encoded(space, groups)
    held = [chunk.id for _, chunks in before for chunk in chunks]
    known = dict(zip(old, held, strict=True))
    kept = np.array([one in known for one in new])
    ids = [known[one] for one in new if one in known]
    rows = np.empty((len(new), space.signature.dim), dtype=np.float32)
    rows[kept] = view.vectors(name, ids)
    rows[~kept], fresh = encoded(space, _only(groups, (~kept).tolist()))
    if fresh is None:
        return rows, None
    some, others = iter(view.tokens(name, ids)), iter(fresh)
    return rows, [next(some if one else others) for one in kept]


def _only(groups: Groups, wanted: Sequence[bool]) -> list[tuple[Document, list[Chunk]]]:
    marks = iter(wanted)
    some = [(document, [one for one in chunks if next(marks)]) for document, chunks in groups]
    return [(document, chunks) for document, chunks in some if chunks]


def _of_all(inner: list[str] | None, groups: Groups) -> list[str] | None:
    if inner is None:
        return None
    found, start = [], 0
    for _, chunks in groups:
        end = start + len(chunks)
        found += [_digest(*inner[start:end])] * len(chunks)
        start = end
    return found


def _windows(late: Late, document: Document, chunks: Sequence[Chunk]) -> list[str]:
    """The windows that a chunk is read from, and where; its title where no token is."""
    read: list[list[str | int]] = [[] for _ in chunks]
    for window in late.windows_of(document, chunks):
        text = _digest(window.text, window.head)
        for piece in window.pieces:
            read[piece.chunk] += [text, piece.start, piece.end, piece.begins]
    return [_digest(*(some or [titled(one)])) for some, one in zip(read, chunks, strict=True)]


def _digest(*parts: str | int) -> str:
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=16).hexdigest()
