"""Between rag_embed's documents and hits, and LangChain's documents."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from typing import Any
from uuid import uuid4

from langchain_core.documents import Document as LangChainDocument

from rag_embed import Document, Hit
from rag_embed.errors import BadInput, belongs, class_of
from rag_embed.reading import is_markdown, markdown
from rag_embed.types import Chunk, Citation
from rag_embed.values import plain

UNSHOWN = frozenset({"front_matter", "indexed_from", "page_breaks"})
"""Metadata that a model has no use for: its values are there beside it, or it is bookkeeping of the index."""


class RagEmbedDocument(LangChainDocument):
    """A chunk as a LangChain document, and beside its metadata what was said of it for one query.

    It is equal to every other one of the same chunk, whatever the query, and to a plain document
    with the same id, text and metadata; so what merges the answers to several queries sees one
    chunk once. LangChain's `dumps` writes the scores, and its `loads` makes a plain document of it.

    A prompt that is given documents shows their `str` or, of a list, their `repr`. Both show what a plain
    document shows, without the metadata that rag_embed keeps for itself, `UNSHOWN`.

    Attributes:
        score: Fused score, higher is better; comparable within one query only.
        relevance: Between 0 and 1; comparable between queries.
        explanation: What each leg said, as JSON values; see `rag_embed.types.Part.explained`.
        route: What the router decided, as JSON values; None where the query was not routed.
        page: The page, slide, sheet or cell to open: that of the sentence that answers the query, where it is
            known, else the first of the chunk; None where there are none.
        citation: Where it stands, in a line.
        link: Opens it there.
    """

    score: float
    relevance: float
    explanation: list[dict[str, Any]]
    route: dict[str, Any] | None = None
    page: int | None = None
    citation: str = ""
    link: str = ""

    @classmethod
    def lc_id(cls) -> list[str]:
        """Whoever reads it back has LangChain, but maybe not this package."""
        return LangChainDocument.lc_id()

    def __str__(self) -> str:
        return str(_shown(self))

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        yield from _shown(self).__repr_args__()

    def __eq__(self, other: object) -> bool:
        if isinstance(other, RagEmbedDocument) or type(other) is LangChainDocument:
            return _stays(self) == _stays(other)
        return NotImplemented

    def __hash__(self) -> int:
        return hash((self.id, self.page_content))


def _shown(document: LangChainDocument) -> LangChainDocument:
    told = {key: value for key, value in document.metadata.items() if key not in UNSHOWN}
    return LangChainDocument(id=document.id, page_content=document.page_content, metadata=told)


def _stays(document: LangChainDocument) -> tuple[Any, ...]:
    return document.id, document.page_content, document.metadata


def from_hit(hit: Hit) -> RagEmbedDocument:
    """A hit as a LangChain document.

    The metadata is the user's, and beside it ``rag_embed``, where the chunk is in its document,
    unless the user's has such a key; of a file that rag_embed read also ``source``, its path, and
    ``page_label``, as LangChain's loaders call them. ``page`` counts from 1, and is the first of a
    chunk that spans several: its label is ``"1-2"``.

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
    chunk, cited = hit.chunk, hit.citation()
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
        metadata={"rag_embed": where} | _usual(chunk) | deepcopy(dict(chunk.metadata)),
        score=float(hit.score),
        relevance=float(hit.relevance),
        explanation=[part.explained for part in hit.parts],
        route=hit.route.explained if hit.route else None,
        page=cited.page,
        citation=str(cited),
        link=cited.link,
    )


def _usual(chunk: Chunk) -> dict[str, Any]:
    """What LangChain's loaders say of a file, for one that rag_embed's readers read."""
    known: dict[str, Any] = {}
    metadata = chunk.metadata
    if "format" in metadata and isinstance(path := metadata.get("path"), str):
        known["source"] = path
    if label := Citation.of(chunk).span:
        known["page_label"] = label
    return known


def from_document(document: Document) -> LangChainDocument:
    """A stored document as a LangChain document, nothing added."""
    return LangChainDocument(
        id=document.id, page_content=document.text, metadata=deepcopy(dict(document.metadata))
    )


def to_document(
    document: LangChainDocument,
    id: str,
    *,
    title_key: str | None,
    user: str | None,
    readers: Sequence[str] | None = None,
) -> Document:
    """A LangChain document under an id; its title is ``metadata[title_key]`` if that is a str."""
    title = document.metadata.get(title_key) if title_key is not None else None
    return Document(
        id,
        document.page_content,
        title=title if isinstance(title, str) else "",
        metadata=document.metadata,
        user=user,
        readers=readers,
    )


def with_ids(
    documents: Sequence[LangChainDocument],
    ids: Sequence[str | None] | None,
    *,
    title_key: str | None,
    user: str | None,
    readers: Sequence[str] | None = None,
) -> list[Document]:
    """LangChain documents under ids that are given, their own, or else new ones.

    Raises:
        BadInput: There are not as many ids as documents.
    """
    if ids is not None and (isinstance(ids, str) or len(ids) != len(documents)):
        raise BadInput(f"Got {len(ids)} ids for {len(documents)} documents; give one for each.")
    return [
        to_document(
            one, id or one.id or str(uuid4()), title_key=title_key, user=user, readers=readers
        )
        for one, id in zip(documents, ids or [None] * len(documents), strict=True)
    ]


def to_documents(
    documents: Iterable[LangChainDocument],
    *,
    id_key: str = "source",
    part_keys: Sequence[str] | None = None,
    title_key: str | None = "title",
    user: str | None = None,
    readers: Sequence[str] | None = None,
) -> Iterator[Document]:
    """What a LangChain loader or splitter yields, for `rag_embed.Index.add`.

    Where the source is a Markdown file, ``format`` says so, which cuts it at headings, and front matter is
    parted from the text, as `rag_embed.reading.read` does: its values are metadata where no such key is there,
    and its title, else the first heading, is the title where the metadata has none.

    A document keeps its id. One without an id gets one that depends on itself alone, so that it is
    the same in whatever batches documents come and whichever others are gone: its owner, its source and
    a hash of text and metadata. A changed document is then another one; `rag_embed.Index.sync` removes
    the old, of an owner too. With ``part_keys`` it replaces the old.

    Args:
        documents: Any iterable, consumed lazily.
        id_key: Metadata key that names where a document comes from.
        part_keys: Metadata keys that tell the documents of one source apart, such as
            ``["page"]``; ``[]`` where each source is one document. Their values take the place of
            the hash.
        title_key: Metadata key of the title; ``None`` for no titles.
        user: Owner of the documents; ``None`` where nobody owns them.
        readers: Groups that may read the documents; ``None`` for none: without an owner everybody may.

    Raises:
        BadInput: When consumed: ``part_keys`` do not tell two documents of one source apart.

    Examples:
        >>> pages = [
        ...     LangChainDocument("x", metadata={"source": "a.pdf", "page": 1}),
        ...     LangChainDocument("y", metadata={"source": "a.pdf", "page": 2}),
        ... ]
        >>> [document.id for document in to_documents(pages)]
        ['a.pdf#9a9dfd8cd9b2e31f', 'a.pdf#ae1106da99b42766']
        >>> [document.id for document in to_documents(pages, part_keys=["page"])]
        ['a.pdf#page=1', 'a.pdf#page=2']
        >>> [document.id for document in to_documents(pages[:1], part_keys=[], user="ann")]
        ['ann:a.pdf']
    """
    named: set[str] = set()
    for document in documents:
        if not isinstance(document, LangChainDocument):
            raise BadInput(
                f"Expected a LangChain document, got {class_of(document)}.{belongs(document)}"
            )
        value = document.metadata.get(id_key)
        source = "" if value is None else str(value)
        origin = ":".join(filter(None, (user, source)))
        if document.id is not None:
            id = document.id
        elif source and part_keys is not None:
            id = _part(origin, document, part_keys)
            if id in named:
                raise BadInput(
                    f"Two documents without an id of their own would both be {id!r}: part_keys="
                    f"{list(part_keys)} do not tell them apart. Add a key of their metadata that "
                    "does, or leave part_keys out."
                )
            named.add(id)
        else:
            id = "#".join(filter(None, (origin, _hashed(document))))
        made = to_document(document, id, title_key=title_key, user=user, readers=readers)
        yield _parted(made, title_key) if is_markdown(source) else made


def _parted(document: Document, title_key: str | None) -> Document:
    """The document of a Markdown file, without its front matter."""
    if document.metadata.get("format", "markdown") != "markdown":
        return document
    said = markdown(document.text)
    return replace(
        document,
        text=said.text,
        title=document.title or (said.title if title_key is not None else ""),
        metadata={**said.metadata, **document.metadata},
    )


def body_of(document: LangChainDocument) -> str:
    """A document's text as an index that was fed by `to_documents` has it."""
    text, source = document.page_content, document.metadata.get("source")
    return markdown(text).text if isinstance(source, str) and is_markdown(source) else text


def names_of(document: LangChainDocument) -> tuple[str, ...]:
    """Under which ids an index may keep a document, or the document that it was cut from.

    The document of one of our chunks, its own id, what `to_documents` makes of it, and its source.
    """
    place = document.metadata.get("rag_embed")
    ours = place.get("doc_id") if isinstance(place, Mapping) else None
    source = document.metadata.get("source")
    names = [ours, document.id, source]
    with suppress(BadInput, TypeError):  # what cannot be stored was never added
        origin = "" if source is None else str(source)
        names.append("#".join(filter(None, (origin, _hashed(document)))))
    return tuple(dict.fromkeys(one for one in names if isinstance(one, str) and one))


def _part(source: str, document: LangChainDocument, keys: Sequence[str]) -> str:
    there = (f"{key}={document.metadata[key]}" for key in keys if key in document.metadata)
    return "#".join(filter(None, (source, "&".join(there))))


def _hashed(document: LangChainDocument) -> str:
    metadata = plain(document.metadata, f"The document {document.page_content[:40]!r}...")
    content = json.dumps([document.page_content, metadata], sort_keys=True)
    return hashlib.blake2b(content.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
