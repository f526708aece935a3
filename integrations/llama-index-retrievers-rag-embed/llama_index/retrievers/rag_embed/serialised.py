"""LlamaIndex's nodes as JSON values, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llama_index.core.schema import (
    BaseNode,
    Document,
    ImageNode,
    IndexNode,
    Node,
    RelatedNodeInfo,
    TextNode,
)

from rag_embed.errors import BadInput
from rag_embed.values import plain

_KINDS: Mapping[str, type[BaseNode]] = {
    kind.class_name(): kind for kind in (TextNode, IndexNode, ImageNode, Node)
}
_ELSEWHERE = {"id_", "text", "text_resource", "metadata", "embedding", "relationships"}


def dumped(node: BaseNode, only: set[str] | None = None) -> dict[str, Any]:
    """What a node has beside id, text, metadata and embedding, where it is not the default.

    Args:
        node: A node or document.
        only: Names of the attributes to look at beside its relationships; all by default.

    Raises:
        BadInput: A value cannot be stored.
    """
    try:
        values = node.model_dump(
            mode="json", include=only, exclude=_ELSEWHERE, exclude_defaults=True
        )
    except Exception as error:  # whatever pydantic and the node's own serialisers raise
        raise BadInput(
            f"Node {node.node_id!r} cannot be stored: {error}. Where this is about the obj of an "
            "IndexNode, set that to None and give it to the retriever as one of its objects."
        ) from error
    values.pop("class_name")
    related = {
        kind.value: _related(node, to)
        if isinstance(to, RelatedNodeInfo)
        else [_related(node, one) for one in to]
        for kind, to in node.relationships.items()
    }
    return {**values, "relationships": related} if related else values


def _related(node: BaseNode, to: RelatedNodeInfo) -> dict[str, Any]:
    return {**to.model_dump(mode="json", exclude={"metadata"}), "metadata": metadata_of(node, to)}


def metadata_of(node: BaseNode, related: RelatedNodeInfo | None = None) -> dict[str, Any]:
    """The metadata of a node as JSON keeps it.

    Args:
        node: The node.
        related: What it is related to, to have the copy of that one's metadata instead.

    Raises:
        BadInput: A value cannot be stored.
    """
    return plain((related or node).metadata, f"Node {node.node_id!r}")


def restored(
    kind: str, id: str, text: str, metadata: Mapping[str, Any], values: Mapping[str, Any]
) -> BaseNode:
    """The node that `dumped` and `kind_of` tell about; a text node where the kind is unknown."""
    made = _KINDS.get(kind, TextNode)
    node = made.from_dict({**values, "id_": id, "metadata": dict(metadata)})
    if text or made is not Node:  # a picture without a text has none afterwards either
        node.set_content(text)
    return node


def kind_of(node: BaseNode) -> str:
    """The name of the class that a node comes back as; a document comes back as a text node."""
    names = {} if isinstance(node, Document) else {kind: name for name, kind in _KINDS.items()}
    known = (names[kind] for kind in type(node).__mro__ if kind in names)
    return next(known, TextNode.class_name())
