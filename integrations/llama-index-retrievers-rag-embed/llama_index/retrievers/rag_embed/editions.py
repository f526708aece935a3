"""Which source a node was cut from, and in which edition: what a new edition replaces.

A pipeline without a docstore hands over the nodes of a changed document and does not say which old
ones are gone; ids that are random, of nodes or of documents, make what has not changed look new.
Both leave a store with passages twice. Stored nodes go on evidence alone: that they were cut from
another edition of the same source, or that they say the same under another id.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from llama_index.core.schema import BaseNode
from llama_index.retrievers.rag_embed.documents import is_uuid4

from rag_embed.filters import METADATA, And, Filter, Or, field
from rag_embed.types import Document

SOURCE = "ref_doc_id"
"""The declared field that holds a node's source document."""

_ORIGIN, _EDITION, _CONTENT = "_origin", "_edition", "_content"
COLUMNS = dict.fromkeys((SOURCE, _ORIGIN, _EDITION, _CONTENT), "str")
"""The fields that every store declares."""

_SEEN = "last_accessed_date"
"""Metadata of ``SimpleDirectoryReader`` that reading the file changes."""


def edition(node: BaseNode, values: Mapping[str, Any], text: str) -> dict[str, str]:
    """Values of the columns for a node that has a source.

    Args:
        node: The node.
        values: What it has beside id and text, as JSON values.
        text: Its text.
    """
    source = node.source_node
    if source is None:
        return {}
    file = {**source.metadata, **node.metadata}
    path, size = file.get("file_path"), file.get("file_size")
    version: Any
    if isinstance(path, str) and size is not None and is_uuid4(source.node_id):
        # a reader of files gave the document a random id: the file is the source
        origin, version = f"file {path}", [size, file.get("last_modified_date")]
    else:
        origin, version = f"id {source.node_id}", source.hash
    said = {**values, "relationships": None, "text": text}
    said["metadata"] = {key: value for key, value in said["metadata"].items() if key != _SEEN}
    columns = {_ORIGIN: origin, _CONTENT: _hashed([origin, said])}
    return columns if version is None else {**columns, _EDITION: _hashed([origin, version])}


def outdated(documents: Sequence[Document]) -> Filter:
    """Which stored nodes the nodes that are written take the place of, equal ids aside."""
    columns = {name: _values(documents, name) for name in (_EDITION, _CONTENT)}
    followed = _values([one for one in documents if _EDITION in one.metadata], _ORIGIN)
    of_another_edition = And(
        (
            field(METADATA + _ORIGIN).is_in(followed),
            ~field(METADATA + _EDITION).is_missing(),
            ~field(METADATA + _EDITION).is_in(columns[_EDITION]),
        )
    )
    same = field(METADATA + _CONTENT).is_in(columns[_CONTENT])
    return Or((of_another_edition, same)) & ~field("doc_id").is_in([one.id for one in documents])


def _values(documents: Sequence[Document], name: str) -> list[str]:
    return sorted({one.metadata[name] for one in documents if name in one.metadata})


def _hashed(parts: list[Any]) -> str:
    content = json.dumps(parts, sort_keys=True)
    return hashlib.blake2b(content.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
