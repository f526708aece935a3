"""Opening and creating the LanceDB store behind a vector store."""

from __future__ import annotations

from collections.abc import Mapping

from rag_embed.errors import BadInput, IndexExists, NoIndex
from rag_embed.fields import Fields
from rag_embed.stores.lance import LanceStore

SOURCE = "ref_doc_id"
"""The declared field that holds a node's source document."""

_MARK = "llama_index"


def existing(
    uri: str, fields: Mapping[str, str], storage_options: Mapping[str, str] | None
) -> LanceStore | None:
    """The store at a place; ``None`` when there is none yet.

    Raises:
        BadInput: It was not made by a vector store, or with other fields.
    """
    try:
        return _checked(uri, fields, storage_options)
    except NoIndex:
        return None


def _checked(
    uri: str, fields: Mapping[str, str], storage_options: Mapping[str, str] | None
) -> LanceStore:
    store = LanceStore.open(uri, storage_options=storage_options)
    if _MARK not in store.settings():
        raise BadInput(
            f"What is stored at {uri!r} was not made by RagEmbedVectorStore. "
            "Search an Index with RagEmbedRetriever, or choose another uri."
        )
    other = {name: kind for name, kind in fields.items() if store.fields.types.get(name) != kind}
    if other:
        raise BadInput(
            f"The store at {uri!r} was made with fields {dict(store.fields.types)}, which differ "
            f"in {other}. Leave `fields` out, or choose another uri and add the nodes again."
        )
    return store


def created(
    uri: str, dim: int, fields: Mapping[str, str], storage_options: Mapping[str, str] | None
) -> LanceStore:
    """A store for vectors of ``dim`` numbers: an empty one, or what another process made just now."""
    try:
        return LanceStore.create(
            uri,
            {"dense": dim},
            fields=Fields.of({**fields, SOURCE: "str"}),
            settings={_MARK: {"format": 1}},
            storage_options=storage_options,
        )
    except IndexExists:
        return _checked(uri, fields, storage_options)
