"""A LlamaIndex node as one rag_embed document with one chunk, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from llama_index.core.schema import BaseNode, MetadataMode
from llama_index.retrievers.rag_embed.editions import SOURCE, edition
from llama_index.retrievers.rag_embed.serialised import dumped, kind_of, metadata_of, restored

from rag_embed.errors import BadInput
from rag_embed.indexing import cleaned
from rag_embed.maths import unit
from rag_embed.types import Chunk, Document, Vectors

KIND = "_node_type"
"""Metadata key of the name of a node's class."""

_CONTENT = "_node_content"
_SOURCE_KEYS = ("document_id", "doc_id", SOURCE)


def document_of(
    node: BaseNode, user: str | None = None, readers: Sequence[str] | None = None
) -> Document:
    """What is stored of a node.

    All that the node has beside its text is in ``_node_content``; the other metadata is for
    filters. There an empty list counts as missing, and a node without source is its own source.

    Args:
        node: The node.
        user: Its owner.
        readers: Groups that may read it.

    Raises:
        BadInput: It cannot be stored.
    """
    text, metadata = node.get_content(MetadataMode.NONE), metadata_of(node)
    content = {**dumped(node), "metadata": metadata}
    own = {
        _CONTENT: json.dumps(content, ensure_ascii=False),
        KIND: kind_of(node),
        **dict.fromkeys(_SOURCE_KEYS, node.ref_doc_id or node.node_id),
        **edition(node, content, text),
    }
    kept = {**_full(metadata), **own}
    return cleaned(Document(node.node_id, text, metadata=kept, user=user, readers=readers))


def whole(document: Document) -> Chunk:
    """The document as its only chunk."""
    return Chunk.of(document, 0, len(document.text))


def node_of(id: str, text: str, metadata: Mapping[str, Any]) -> BaseNode:
    """The node as it was added, its embedding aside.

    Args:
        id: Of the node.
        text: What is stored as its text.
        metadata: What is stored as its metadata.
    """
    values = json.loads(metadata[_CONTENT])
    return restored(metadata[KIND], id, text, values.pop("metadata"), values)


def unit_rows(nodes: Sequence[BaseNode], dim: int | None) -> Vectors:
    """The nodes' embeddings, scaled to length 1.

    Args:
        nodes: At least one.
        dim: How long they must be; ``None`` where the first decides.

    Raises:
        BadInput: A node has no embedding, or none that fits.
    """
    rows = [_embedding(node) for node in nodes]
    expected = dim or rows[0].size
    for node, row in zip(nodes, rows, strict=True):
        if row.size != expected or not row.size:
            raise BadInput(
                f"Node {node.node_id!r}: expected an embedding of {expected} numbers, got "
                f"{row.size}. One store holds the vectors of one model; use another uri for another."
            )
        if not np.isfinite(row).all():
            raise BadInput(
                f"Node {node.node_id!r}: the embedding holds NaN or infinity; check the model."
            )
    return unit(np.stack(rows))


def _embedding(node: BaseNode) -> Vectors:
    if node.embedding is None:
        raise BadInput(
            f"Node {node.node_id!r} has no embedding. Put an embedding model into the pipeline's "
            "transformations, or insert the nodes through a VectorStoreIndex."
        )
    with np.errstate(over="ignore"):  # too large becomes infinite, and is told by the caller
        return np.asarray(node.embedding, dtype=np.float32).ravel()


def _full(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Without empty lists, at any depth of dicts."""
    return {
        key: _full(value) if isinstance(value, dict) else value
        for key, value in metadata.items()
        if value != []
    }
