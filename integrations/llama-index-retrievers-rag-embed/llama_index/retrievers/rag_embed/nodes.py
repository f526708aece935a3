"""From rag_embed's hits to LlamaIndex's nodes."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from pathlib import PurePosixPath
from typing import Any

from llama_index.core.bridge.pydantic import Field
from llama_index.core.schema import (
    BaseNode,
    NodeRelationship,
    NodeWithScore,
    ObjectType,
    RelatedNodeInfo,
    TextNode,
)
from llama_index.retrievers.rag_embed.documents import BESIDE, SHOWN
from llama_index.retrievers.rag_embed.serialised import restored

from rag_embed.types import PAGE_BREAKS, Chunk, Citation, Hit

_OURS = "rag_embed"
"""Metadata key of the title and the headings of a chunk."""

_OF_PAGES = ("page", "page_end", PAGE_BREAKS, "page_kind")
_OF_A_READER = ("path", "format", "encoding", "front_matter", "file_name", *_OF_PAGES)
"""Metadata of a file that rag_embed read, of no use to a model beside ``file_path`` and ``page_label``."""

_OF_A_PART = (NodeRelationship.SOURCE, NodeRelationship.PARENT)
"""Relationships that a part has from the whole: neighbours and children are not those of a part."""


class RagEmbedNode(NodeWithScore):
    """A node with its score, and beside the node what else was said of it for one query.

    The node itself depends on the chunk alone: what merges the answers to several queries by
    ``node.hash`` or by equality, such as `QueryFusionRetriever`, sees one chunk once.

    Attributes:
        node: The chunk.
        score: Fused score, higher is better; comparable within one query only.
        relevance: Between 0 and 1; comparable between queries.
        explanation: What each leg said, as JSON values; see `rag_embed.types.Part.explained`.
        route: What the router decided, as JSON values; None where the query was not routed.
        page: The page, slide, sheet or cell to open: that of the sentence that answers the query, where it is
            known, else the first of the chunk; None where there are none.
        citation: Where it stands, in a line.
        link: Opens it there.
    """

    relevance: float
    explanation: list[dict[str, Any]] = Field(repr=False)
    route: dict[str, Any] | None = Field(default=None, repr=False)
    page: int | None = Field(default=None, repr=False)
    citation: str = Field(default="", repr=False)
    link: str = Field(default="", repr=False)

    @classmethod
    def class_name(cls) -> str:
        """Name in serialised form."""
        return "RagEmbedNode"


def to_node(hit: Hit) -> RagEmbedNode:
    """A hit as a node with its score, higher is better.

    The metadata is the document's, and beside it ``rag_embed`` with title and headings, unless
    there is such a key; of a file that rag_embed read also ``file_path``, ``file_name`` and
    ``page_label``, as LlamaIndex's readers call them; it is ``"1-2"`` of one that spans pages.
    Embedding and language models see neither title and headings nor what the document hid from
    them, and of what rag_embed's readers say of a file only ``file_path`` and ``page_label``. A node
    of LlamaIndex that was added, and not cut, is found as itself.

    Examples:
        >>> from rag_embed.types import Document
        >>> hit = Hit(Chunk.of(Document("d", "A fox."), 0, 6), score=0.5, relevance=0.9)
        >>> found = to_node(hit)
        >>> found.score, found.relevance, found.node.ref_doc_id
        (0.5, 0.9, 'd')
    """
    cited = hit.citation()
    return RagEmbedNode(
        node=node_of_chunk(hit.chunk),
        score=hit.score,
        relevance=hit.relevance,
        explanation=[part.explained for part in hit.parts],
        route=hit.route.explained if hit.route else None,
        page=cited.page,
        citation=str(cited),
        link=cited.link,
    )


def node_of_chunk(chunk: Chunk) -> BaseNode:
    """The node of a chunk or passage; see `to_node`."""
    metadata = deepcopy(dict(chunk.metadata))
    beside = metadata.pop(BESIDE, {})
    kind, (before, length, after) = beside.pop("kind", ""), beside.pop("whole", ("", -1, ""))
    if len(seen := chunk.text.strip()) == length:
        return restored(kind, chunk.doc_id, before + seen + after, metadata, beside)
    node = TextNode(
        id_=chunk.id,
        text=chunk.text,
        metadata=metadata,
        start_char_idx=chunk.start,
        end_char_idx=chunk.end,
        **{key: value for key, value in beside.items() if key in SHOWN},
    )
    source = RelatedNodeInfo(node_id=chunk.doc_id, node_type=ObjectType.DOCUMENT)
    kept = {kind: to for kind, to in node.relationships.items() if kind in _OF_A_PART}
    node.relationships = {NodeRelationship.SOURCE: source, **kept}
    if _OURS not in metadata:
        node.metadata[_OURS] = {"title": chunk.title, "headings": list(chunk.headings)}
        _hide(node, _OURS)
    usual = _usual(chunk, metadata)
    for key, value in usual.items():
        node.metadata.setdefault(key, value)
    _hide(node, "indexed_from", *(_OF_A_READER if "file_path" in usual else ()))
    return node


def _hide(node: TextNode, *keys: str) -> None:
    for hidden in (node.excluded_embed_metadata_keys, node.excluded_llm_metadata_keys):
        hidden += [key for key in keys if key in node.metadata and key not in hidden]


def _usual(chunk: Chunk, metadata: Mapping[str, Any]) -> dict[str, str]:
    """What LlamaIndex's readers say of a file, for one that rag_embed's readers read."""
    known: dict[str, str] = {}
    if "format" in metadata and isinstance(path := metadata.get("path"), str):
        known |= {"file_path": path, "file_name": PurePosixPath(path).name}
    if label := Citation.of(chunk).span:
        known["page_label"] = label
    return known
