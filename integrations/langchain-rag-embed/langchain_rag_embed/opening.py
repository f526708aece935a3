"""The index behind a vector store: given, opened or made."""

from __future__ import annotations

import os
from collections.abc import Mapping

from rag_embed import Index
from rag_embed.errors import BadInput
from rag_embed.fields import Fields, FieldTypes
from rag_embed.protocols import Encoder
from rag_embed.stores import declare_lacking, opened_or_made


def opened(index: Index | str | os.PathLike[str]) -> Index:
    """The index, or the one at a path."""
    return index if isinstance(index, Index) else Index.open(index)


def index_behind(
    index: Index | str | os.PathLike[str] | None,
    encoder: Encoder | None,
    fields: FieldTypes | None,
    storage_options: Mapping[str, str] | None,
) -> Index:
    """See `RagEmbedVectorStore`.

    Raises:
        BadInput: An argument does not fit the index, which is then as it was.
    """
    if isinstance(index, Index):
        if encoder is not None or fields is not None or storage_options is not None:
            raise BadInput(
                "embedding, fields and storage_options belong to the making of an index; leave "
                "them out when you pass an Index."
            )
    elif index is None:
        if storage_options is not None:
            raise BadInput("storage_options are for an index with a path; this one is in memory.")
        index = Index.in_memory(encoder=encoder, chunk_tokens=None, fields=fields)
    else:
        index = _at(index, encoder, fields, storage_options)
    return index


def keeps_whole(index: Index) -> bool:
    """Whether each document of an index is one chunk of it."""
    return index.spaces.cut.get("max_tokens", ...) is None


def _at(
    path: str | os.PathLike[str],
    encoder: Encoder | None,
    fields: FieldTypes | None,
    storage_options: Mapping[str, str] | None,
) -> Index:
    index = opened_or_made(
        lambda: Index.open(path, encoder=encoder, storage_options=storage_options),
        lambda: Index.create(
            path,
            encoder=encoder,
            chunk_tokens=None,
            fields=fields,
            storage_options=storage_options,
        ),
    )
    declare_lacking(index.store, Fields.of(fields or {}))
    return index
