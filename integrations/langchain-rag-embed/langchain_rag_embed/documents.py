"""Between rag_embed's documents and hits, and LangChain's documents."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from copy import deepcopy
from typing import Any

from langchain_core.documents import Document as LangChainDocument

from rag_embed import Document, Hit


class RagEmbedDocument(LangChainDocument):
    """A chunk as a LangChain document, and beside its metadata what was said of it for one query.

    It is equal to every other one of the same chunk, whatever the query, and to a plain document
    with the same id, text and metadata; so what merges the answers to several queries sees one
    chunk once. LangChain's `dumps` writes the scores, and its `loads` makes a plain document of it.

    Attributes:
        score: Fused score, higher is better; comparable within one query only.
        relevance: Between 0 and 1; comparable between queries.
        explanation: What each leg said, as JSON values; see `rag_embed.types.Part.explained`.
    """

    score: float
    relevance: float
    explanation: list[dict[str, Any]]

    @classmethod
    def lc_id(cls) -> list[str]:
        """Whoever reads it back has LangChain, but maybe not this package."""
        return LangChainDocument.lc_id()

    def __eq__(self, other: object) -> bool:
        if isinstance(other, RagEmbedDocument) or type(other) is LangChainDocument:
            return _stays(self) == _stays(other)
        return NotImplemented

    def __hash__(self) -> int:
        return hash((self.id, self.page_content))


def _stays(document: LangChainDocument) -> tuple[Any, ...]:
    return document.id, document.page_content, document.metadata


def from_hit(hit: Hit) -> RagEmbedDocument:
    """A hit as a LangChain document.

    The metadata is the user's, and beside it ``rag_embed``, where the chunk is in its document,
    unless the user's has such a key.

    Examples:
        >>> from rag_embed import Index
        >>> from rag_embed.encoders import HashEncoder
        >>> index = Index.in_memory(encoder=HashEncoder())
        >>> index.add([Document("a", "The fox is red.", metadata={"year": 2024})]).added
        1
        >>> found = from_hit(index.search("fox")[0])
        >>> found.metadata["year"], found.metadata["rag_embed"]["doc_id"]
        (2024, 'a')
        >>> [leg["leg"] for leg in found.explanation]
        ['dense', 'lexical']
    """
    chunk = hit.chunk
    where = {
        "doc_id": chunk.doc_id,
        "title": chunk.title,
        "headings": list(chunk.headings),
        "start": int(chunk.start),
        "end": int(chunk.end),
    }
    return RagEmbedDocument(
        id=chunk.id,
        page_content=chunk.text,
        metadata={"rag_embed": where} | deepcopy(dict(chunk.metadata)),
        score=float(hit.score),
        relevance=float(hit.relevance),
        explanation=[part.explained for part in hit.parts],
    )


def from_document(document: Document) -> LangChainDocument:
    """A stored document as a LangChain document, nothing added."""
    return LangChainDocument(
        id=document.id, page_content=document.text, metadata=deepcopy(dict(document.metadata))
    )


def to_document(
    document: LangChainDocument, id: str, *, title_key: str | None = "title"
) -> Document:
    """A LangChain document under an id; its title is ``metadata[title_key]`` if that is a str."""
    title = document.metadata.get(title_key) if title_key is not None else None
    return Document(
        id,
        document.page_content,
        title=title if isinstance(title, str) else "",
        metadata=document.metadata,
    )


def to_documents(
    documents: Iterable[LangChainDocument],
    *,
    id_key: str = "source",
    title_key: str | None = "title",
) -> Iterator[Document]:
    """What a LangChain loader or splitter yields, for `rag_embed.Index.add`.

    A document keeps its id. One without an id gets ``metadata[id_key]``, with ``#2``, ``#3`` ... for
    further documents of the same source, such as the pages of a file; else a hash of its content.

    Args:
        documents: Consumed lazily.
        id_key: Metadata key that names where a document comes from.
        title_key: Metadata key of the title; ``None`` for no titles.

    Examples:
        >>> pages = [LangChainDocument(page, metadata={"source": "a.pdf"}) for page in ("x", "y")]
        >>> [document.id for document in to_documents(pages)]
        ['a.pdf', 'a.pdf#2']
    """
    seen: set[str] = set()
    pages: dict[str, int] = {}
    for document in documents:
        source = document.metadata.get(id_key)
        if document.id is not None:
            id = document.id
        elif source is not None and str(source):
            id = _next_page(str(source), seen, pages)
        else:
            id = _hashed(document)
        seen.add(id)
        yield to_document(document, id, title_key=title_key)


def _next_page(source: str, seen: set[str], pages: dict[str, int]) -> str:
    id = source
    while id in seen:
        pages[source] = pages.get(source, 1) + 1
        id = f"{source}#{pages[source]}"
    return id


def _hashed(document: LangChainDocument) -> str:
    content = json.dumps([document.page_content, document.metadata], sort_keys=True, default=str)
    return hashlib.blake2b(content.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
