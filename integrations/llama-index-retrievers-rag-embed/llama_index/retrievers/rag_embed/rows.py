"""A LlamaIndex node as one rag_embed document with one chunk, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from llama_index.core.schema import BaseNode, MetadataMode
from llama_index.core.vector_stores.utils import metadata_dict_to_node, node_to_metadata_dict

from rag_embed.errors import BadInput
from rag_embed.indexing.ingest import cleaned
from rag_embed.maths.vectors import unit
from rag_embed.types import Chunk, Document, Vectors

_SOURCE_KEYS = ("document_id", "doc_id", "ref_doc_id")


def document_of(node: BaseNode) -> Document:
    """What is stored of a node.

    The whole node is in ``_node_content``; the other metadata is for filters. There an empty list
    counts as missing, and a node without source is its own source.

    Raises:
        BadInput: It cannot be stored.
    """
    try:
        metadata = node_to_metadata_dict(node, remove_text=True, flat_metadata=False)
    except Exception as error:  # whatever pydantic and the node's own serialisers raise
        raise BadInput(
            f"Node {node.node_id!r} cannot be serialised: {error}. Its metadata must hold JSON "
            "values, and its texts valid Unicode."
        ) from error
    for key in _SOURCE_KEYS:
        metadata[key] = node.ref_doc_id or node.node_id
    document = Document(node.node_id, node.get_content(MetadataMode.NONE), metadata=_full(metadata))
    return cleaned(document)


def whole(document: Document) -> Chunk:
    """The document as its only chunk."""
    return Chunk.of(document, 0, len(document.text))


def node_of(stored: Document | Chunk) -> BaseNode:
    """The node as it was added, its embedding aside."""
    return metadata_dict_to_node(dict(stored.metadata), text=stored.text)


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
