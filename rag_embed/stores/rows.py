"""What both stores derive from a chunk, and the checks both make before they write."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rag_embed.errors import BadInput
from rag_embed.fields import Fields
from rag_embed.types import Chunk, Document, TokenBits, Vectors


def row_values(
    documents: Sequence[tuple[Document, str]],
    chunks: Sequence[Chunk],
    vectors: Mapping[str, Vectors],
    spaces: Mapping[str, int],
    fields: Fields,
) -> list[dict[str, Any]]:
    """Check a write and return each chunk's filterable column values.

    Raises:
        BadInput: Ids repeat, a chunk's document is missing, vectors do not fit, or a field's value
            has the wrong type. Nothing has been written then.
    """
    by_id = {document.id: document for document, _ in documents}
    _unique("document", [document.id for document, _ in documents])
    _unique("chunk", [chunk.id for chunk in chunks])
    values = {id: fields.values(document) for id, document in by_id.items()}
    if vectors.keys() != spaces.keys():
        raise BadInput(f"Expected vectors for spaces {sorted(spaces)}, got {sorted(vectors)}.")
    for name, dim in spaces.items():
        if vectors[name].shape != (len(chunks), dim):
            raise BadInput(
                f"Space {name!r}: expected vectors of shape {(len(chunks), dim)}, "
                f"got {vectors[name].shape}."
            )
        if not np.isfinite(vectors[name]).all():
            raise BadInput(f"Space {name!r}: vectors hold NaN or infinity; check the encoder.")
    rows = []
    for chunk in chunks:
        if chunk.doc_id not in by_id:
            raise BadInput(f"Chunk {chunk.id!r} belongs to no document of this write.")
        built_in: dict[str, Any] = {"id": chunk.id, "doc_id": chunk.doc_id, "title": chunk.title}
        built_in |= {"user_id": chunk.user, "metadata": by_id[chunk.doc_id].metadata}
        rows.append({**built_in, **values[chunk.doc_id]})
    return rows


def check_tokens(
    tokens: Mapping[str, Sequence[TokenBits]] | None,
    kept: Sequence[str],
    spaces: Mapping[str, int],
    chunks: int,
) -> Mapping[str, Sequence[TokenBits]]:
    """Check the tokens of a write.

    Args:
        tokens: As `protocols.Store.replace` takes them.
        kept: Spaces that keep tokens.
        spaces: Dimension of each space.
        chunks: Number of chunks written.

    Raises:
        BadInput: A space's tokens are missing, come unasked, or do not fit the chunks.
    """
    tokens = tokens or {}
    if tokens.keys() != set(kept):
        raise BadInput(f"Expected tokens for spaces {sorted(kept)}, got {sorted(tokens)}.")
    for name, some in tokens.items():
        width = -(-spaces[name] // 8)
        fits = all(one.bits.shape == (len(one.ids), width) for one in some)
        if len(some) != chunks or not fits:
            raise BadInput(
                f"Space {name!r}: expected tokens of {chunks} chunks with {width} bytes each, got "
                f"those of {len(some)} chunks{'' if fits else ' of another width'}."
            )
    return tokens


def to_json(source: Document | Chunk) -> str:
    """The metadata as JSON.

    Raises:
        BadInput: It holds something JSON cannot express.
    """
    try:
        return json.dumps(dict(source.metadata))
    except (TypeError, ValueError) as error:
        raise BadInput(
            f"Document {source.id!r}: metadata must be JSON-serialisable ({error}). "
            "Convert dates and objects to strings or numbers."
        ) from error


def _unique(kind: str, ids: Sequence[str]) -> None:
    if len(set(ids)) != len(ids):
        twice = Counter(ids).most_common(1)[0][0]
        raise BadInput(f"The {kind} id {twice!r} comes twice in one write; ids must be distinct.")
