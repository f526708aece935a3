"""From rag_embed's hits to LlamaIndex's nodes, and from LlamaIndex's documents to rag_embed's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import PurePath
from typing import Any

from llama_index.core.schema import (
    BaseNode,
    MetadataMode,
    NodeRelationship,
    NodeWithScore,
    ObjectType,
    RelatedNodeInfo,
    TextNode,
)

from rag_embed.errors import BadInput
from rag_embed.reading.text import LANGUAGES
from rag_embed.types import Document, Hit


def to_node(hit: Hit) -> NodeWithScore:
    """The chunk as a node; its score is the fused one, higher is better.

    To the document's metadata come ``relevance_score`` (in [0, 1], comparable between queries) and
    ``rag_embed`` with title, headings and what each leg contributed; neither replaces a key of
    yours, and neither is shown to an embedding model or an LLM.

    Examples:
        >>> from rag_embed.types import Chunk
        >>> hit = Hit(Chunk.of(Document("d", "A fox."), 0, 6), score=0.5, relevance=0.9)
        >>> to_node(hit).node.metadata["relevance_score"]
        0.9
    """
    chunk = hit.chunk
    added = {"relevance_score": hit.relevance, "rag_embed": _explained(hit)}
    added = {key: value for key, value in added.items() if key not in chunk.metadata}
    node = TextNode(
        id_=chunk.id,
        text=chunk.text,
        metadata={**chunk.metadata, **added},
        excluded_embed_metadata_keys=list(added),
        excluded_llm_metadata_keys=list(added),
        start_char_idx=chunk.start,
        end_char_idx=chunk.end,
        relationships={
            NodeRelationship.SOURCE: RelatedNodeInfo(
                node_id=chunk.doc_id, node_type=ObjectType.DOCUMENT
            )
        },
    )
    return NodeWithScore(node=node, score=hit.score)


def _explained(hit: Hit) -> dict[str, Any]:
    return {
        "title": hit.chunk.title,
        "headings": list(hit.chunk.headings),
        "explanation": [part.explained for part in hit.parts],
    }


def to_documents(documents: Iterable[BaseNode], *, user: str | None = None) -> Iterator[Document]:
    """What any LlamaIndex reader loads, for ``Index.add``; lazily.

    The title is the metadata's ``title``, else its ``file_name``. Where the file's name tells that
    it is Markdown or code, ``format`` is added, so that it is cut at headings or definitions.

    Args:
        documents: Documents or nodes of LlamaIndex.
        user: Their owner; ``None`` shares them with everybody.

    Raises:
        BadInput: Something is no document.

    Examples:
        >>> from llama_index.core import Document as LlamaDocument
        >>> loaded = LlamaDocument(id_="a", text="# A", metadata={"file_name": "a.md"})
        >>> next(to_documents([loaded]))
        Document(id='a', text='# A', title='a.md', \
metadata={'format': 'markdown', 'file_name': 'a.md'}, user=None)
    """
    for one in documents:
        if not isinstance(one, BaseNode):
            raise BadInput(
                f"Expected a LlamaIndex document or node, got {type(one).__name__}. "
                "rag_embed's own documents go to Index.add directly."
            )
        yield to_document(one, user=user)


def to_document(node: BaseNode, *, user: str | None = None) -> Document:
    """One of `to_documents`."""
    name = node.metadata.get("file_name")
    name = name if isinstance(name, str) else ""
    title = node.metadata.get("title")
    return Document(
        id=node.node_id,
        text=node.get_content(MetadataMode.NONE),
        title=title if isinstance(title, str) else name,
        metadata={**_syntax(name), **node.metadata},
        user=user,
    )


def _syntax(name: str) -> dict[str, str]:
    """What a file's name tells about how to cut it."""
    suffix = PurePath(name).suffix.lower()
    if suffix in (".md", ".markdown", ".mdx"):
        return {"format": "markdown"}
    language = LANGUAGES.get(suffix)
    return {"format": "code", "language": language} if language else {}
