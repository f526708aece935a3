"""What both stores derive from a chunk, and the checks both make before they write."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from rag_embed.errors import BadInput, StoreError
from rag_embed.fields import READERS, Fields
from rag_embed.protocols.storing import NONE
from rag_embed.text import amount, unusable
from rag_embed.texts import titled
from rag_embed.types import PAGE_STARTS, Audience, ChunkRows, Document, TokenBits, Vectors
from rag_embed.values import plain

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


def row_values(
    documents: Sequence[tuple[Document, str]],
    rows: ChunkRows,
    spaces: Mapping[str, int],
    token_spaces: Sequence[str],
    fields: Fields,
) -> list[dict[str, Any]]:
    """Check a write and return each chunk's filterable column values.

    Args:
        documents: With their content hashes.
        rows: All their chunks.
        spaces: Dimension of each space.
        token_spaces: Spaces that keep tokens.
        fields: The declared fields.

    Raises:
        BadInput: Ids repeat, a chunk's document is missing, vectors, tokens or lexical texts do not
            fit, or a field's value has the wrong type. Nothing has been written then.
    """
    by_id = {document.id: document for document, _ in documents}
    _unique("document", [document.id for document, _ in documents])
    _unique("chunk", [chunk.id for chunk in rows.chunks])
    values = {id: fields.values(document) for id, document in by_id.items()}
    check_vectors(rows.vectors, spaces, len(rows.chunks))
    check_tokens(rows.tokens, token_spaces, spaces, len(rows.chunks))
    if rows.lexical is not None and len(rows.lexical) != len(rows.chunks):
        raise BadInput(
            f"Expected lexical texts of {len(rows.chunks)} chunks, got {len(rows.lexical)}."
        )
    found = []
    for chunk in rows.chunks:
        if chunk.doc_id not in by_id:
            raise BadInput(f"Chunk {chunk.id!r} belongs to no document of this write.")
        built_in: dict[str, Any] = {"id": chunk.id, "doc_id": chunk.doc_id, "title": chunk.title}
        document = by_id[chunk.doc_id]
        whole = (
            PAGE_STARTS not in document.metadata
        )  # the parts of one that has pages have their own
        metadata = document.metadata if whole else chunk.metadata
        built_in |= {"user_id": chunk.user, READERS: chunk.readers or None, "metadata": metadata}
        found.append({**built_in, **values[chunk.doc_id]})
    return found


def check_owners(documents: Iterable[Document], stored: Mapping[str, Audience]) -> None:
    """Check that no document takes the id of another owner's.

    Args:
        documents: The documents to be written.
        stored: Id -> audience of those that are stored.

    Raises:
        BadInput: One does.
    """
    for document in documents:
        if stored.get(document.id, document.audience).user != document.user:
            raise BadInput(
                f"Document {document.id!r} belongs to another owner in this index. "
                "Use ids that name the owner: another folder of that name takes its own (name=, --name). "
                "What several are to read names groups (readers=, --reader). Or delete the stored one first."
            )


def check_vectors(vectors: Mapping[str, Vectors], spaces: Mapping[str, int], chunks: int) -> None:
    """Check the vectors of a write.

    Args:
        vectors: As in `types.ChunkRows`.
        spaces: Dimension of each space.
        chunks: Number of chunks written.

    Raises:
        BadInput: A space's vectors are missing, come unasked, or do not fit the chunks.
    """
    if vectors.keys() != spaces.keys():
        raise BadInput(f"Expected vectors for spaces {sorted(spaces)}, got {sorted(vectors)}.")
    for name, dim in spaces.items():
        if vectors[name].shape != (chunks, dim):
            raise BadInput(
                f"Space {name!r}: expected vectors of shape {(chunks, dim)}, "
                f"got {vectors[name].shape}."
            )
        if not np.isfinite(vectors[name]).all():
            raise BadInput(f"Space {name!r}: vectors hold NaN or infinity; check the encoder.")


def check_tokens(
    tokens: Mapping[str, Sequence[TokenBits]],
    kept: Sequence[str],
    spaces: Mapping[str, int],
    chunks: int,
) -> None:
    """Check the tokens of a write.

    Args:
        tokens: As in `types.ChunkRows`.
        kept: Spaces that keep tokens.
        spaces: Dimension of each space.
        chunks: Number of chunks written.

    Raises:
        BadInput: A space's tokens are missing, come unasked, or do not fit the chunks.
    """
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


def lexical_texts(rows: ChunkRows) -> Sequence[str]:
    """What lexical search reads of each chunk."""
    return [titled(chunk) for chunk in rows.chunks] if rows.lexical is None else rows.lexical


def to_json(doc_id: str, metadata: Mapping[str, Any]) -> str:
    """A document's metadata as JSON.

    Raises:
        BadInput: It holds something that cannot be stored, see `values.plain`.
    """
    return json.dumps(plain(metadata, f"Document {doc_id!r}"))


def _unique(kind: str, ids: Sequence[str]) -> None:
    if len(set(ids)) != len(ids):
        twice = Counter(ids).most_common(1)[0][0]
        raise BadInput(f"The {kind} id {twice!r} comes twice in one write; ids must be distinct.")


def check_new(
    spaces: Mapping[str, int],
    tokens: Sequence[str],
    have: Mapping[str, int],
    have_tokens: Sequence[str],
    sparse: Mapping[str, int] = NONE,
) -> None:
    """Check what is to be added to a store.

    Args:
        spaces: Name and dimension of new spaces.
        tokens: Spaces that shall keep tokens from now on.
        have: The spaces there are, of either kind.
        have_tokens: Those that keep tokens.
        sparse: Name of new sparse spaces, and their terms.

    Raises:
        BadInput: A name cannot name a column, is taken, or is unknown.
    """
    for name, dim in [*spaces.items(), *sparse.items()]:
        if not _NAME.fullmatch(name):
            raise BadInput(
                f"A space is named by up to 32 lower-case letters, digits and _, got {name!r}."
            )
        if name in have or (name in spaces and name in sparse):
            raise BadInput(
                f"There is a space {name!r} already; drop it first (index.experts.drop_space), or choose "
                "another name."
            )
        if dim < 1:
            raise BadInput(f"Space {name!r}: the dimension must be >= 1, got {dim}.")
    for name in tokens:
        if name in have_tokens:
            raise BadInput(f"Space {name!r} keeps tokens already.")
        if name not in have and name not in spaces:
            raise BadInput(f"Unknown space {name!r}; there are {sorted({*have, *spaces})}.")


def check_known(space: str, spaces: Mapping[str, int], sparse: Mapping[str, int] = NONE) -> None:
    """Check that a space can be dropped.

    Raises:
        BadInput: There is no such space, or it is the only one.
    """
    if space in sparse:
        return
    if space not in spaces:
        known = sorted({**spaces, **sparse})
        raise BadInput(f"Unknown space {space!r}; this index has {known}.")
    if len(spaces) == 1:
        raise BadInput(f"Space {space!r} is the only one; an index needs one.")


def check_files(files: Mapping[str, bytes]) -> None:
    """Check what is to be kept as files.

    Raises:
        BadInput: A name is empty or holds a control character, or a content is not bytes.
    """
    for name, content in files.items():
        if not isinstance(name, str) or not name or unusable(name):
            raise BadInput(f"A file needs a name without control characters, got {name!r}.")
        if not isinstance(content, bytes):
            raise BadInput(f"File {name!r} must be bytes, got {type(content).__name__}.")


def check_filled(lacking: Sequence[str]) -> None:
    """Check that a new space can be searched.

    Raises:
        StoreError: A chunk still lacks its values.
    """
    if lacking:
        raise StoreError(
            f"{amount(len(lacking), 'chunk')} without values of the new space, {lacking[0]!r} first; fill them."
        )
