"""Which nodes a call is about: ids, sources, owners."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Sequence

from llama_index.core.schema import ImageNode, IndexNode
from llama_index.retrievers.rag_embed.editions import SOURCE
from llama_index.retrievers.rag_embed.rows import KIND

from rag_embed.filters import METADATA, And, Filter, field
from rag_embed.protocols import View
from rag_embed.ranking import readable
from rag_embed.types import Principal

_KINDS = [ImageNode.class_name(), IndexNode.class_name()]
_APART = field(METADATA + KIND).is_in(_KINDS)
"""Nodes whose ids a `VectorStoreIndex` remembers, where the store keeps the texts."""


def every(*parts: Filter | None) -> Filter | None:
    """What all parts allow; ``None`` where nothing is restricted."""
    some = tuple(part for part in parts if part is not None)
    return And(some) if some else None


def owned(whom: Principal) -> Filter:
    """The user's own nodes; without a user those that nobody owns, and that the groups may read."""
    if whom.user is not None:
        return field("user_id") == whom.user
    return field("user_id").is_missing() & readable(whom)


def named(node_ids: Sequence[str] | None) -> Filter | None:
    """The nodes with these ids; ``None`` restricts nothing."""
    return None if node_ids is None else field("doc_id").is_in(node_ids)


def of_sources(doc_ids: Sequence[str] | None) -> Filter | None:
    """The nodes of these documents; no ids restrict nothing."""
    return field(SOURCE).is_in(doc_ids) if doc_ids else None


def among(
    node_ids: Sequence[str] | None, view: View, whom: Principal, given: Collection[str]
) -> Filter | None:
    """What the ``node_ids`` of a query allow; no ids restrict nothing.

    An index that was itself given images or index nodes passes the ids of all of these and of no
    text, since it leaves texts to the store: taken at its word, it would find no text again. So
    the list of all nodes that are no plain texts, and of nothing else, allows the texts too.

    Args:
        node_ids: What the query names.
        view: What is stored.
        whom: Who asks.
        given: Ids of images and index nodes that this vector store was given.
    """
    if not node_ids:
        return None
    exactly = field("doc_id").is_in(node_ids)
    kinds = {document.metadata[KIND] for document in view.documents(node_ids)}
    if not kinds <= set(_KINDS):
        return exactly
    apart = set(given) or set(view.matching(_APART & readable(whom)))
    if apart and apart <= set(node_ids):
        return exactly | ~_APART
    if kinds:
        warnings.warn(
            "node_ids names some images or index nodes and no text, so no text is found. If these "
            "ids come from a VectorStoreIndex that was given such nodes, search with "
            "VectorStoreIndex.from_vector_store(...) instead.",
            stacklevel=2,
        )
    return exactly
