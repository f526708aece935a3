"""LlamaIndex's nodes as JSON values, and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from llama_index.core.schema import (
    BaseNode,
    Document,
    ImageNode,
    IndexNode,
    Node,
    RelatedNodeInfo,
    TextNode,
)
from pydantic_core import PydanticSerializationError, to_jsonable_python

from rag_embed.errors import BadInput

_KINDS: Mapping[str, type[BaseNode]] = {
    kind.class_name(): kind for kind in (TextNode, IndexNode, ImageNode, Node)
}
_ELSEWHERE = {"id_", "text", "text_resource", "metadata", "embedding"}


def dumped(node: BaseNode, only: set[str] | None = None) -> dict[str, Any]:
    """What a node has beside id, text, metadata and embedding, where it is not the default.

    Args:
        node: A node or document.
        only: Names of the attributes to look at; all of them by default.

    Raises:
        BadInput: A value cannot be expressed in JSON.
    """
    try:
        values = node.model_dump(
            mode="json", include=only, exclude=_ELSEWHERE, exclude_defaults=True, fallback=_plain
        )
    except Exception as error:  # whatever pydantic and the node's own serialisers raise
        _check(node)
        raise BadInput(
            f"Node {node.node_id!r} cannot be stored: {error}. Where this is about the obj of an "
            "IndexNode, set that to None and give it to the retriever as one of its objects."
        ) from error
    values.pop("class_name")
    return values


def json_metadata(node: BaseNode) -> dict[str, Any]:
    """A node's metadata as JSON values.

    Raises:
        BadInput: A value cannot be expressed in JSON.
    """
    _check(node)
    values: dict[str, Any] = to_jsonable_python(node.metadata, fallback=_plain)
    return values


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


def _plain(value: object) -> Any:  # noqa: ANN401
    """A value that pydantic does not know: NumPy's, or an error."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise PydanticSerializationError(f"{type(value).__name__} is no JSON value")


def _check(node: BaseNode) -> None:
    """Name the metadata key whose value is no JSON value, if it is one."""
    for key, value in _metadata(node):
        try:
            to_jsonable_python(value, fallback=_plain)
        except (PydanticSerializationError, ValueError) as error:
            raise BadInput(
                f"Node {node.node_id!r}: the metadata key {key!r} holds a "
                f"{type(value).__name__}, which cannot be stored ({error}). Make it text, numbers, "
                "lists or dicts, or leave it out."
            ) from error


def _metadata(node: BaseNode) -> Iterator[tuple[str, Any]]:
    """Keys and values of a node's metadata and of the copies that its relationships hold."""
    yield from node.metadata.items()
    for related in node.relationships.values():
        for one in [related] if isinstance(related, RelatedNodeInfo) else related:
            yield from one.metadata.items()
