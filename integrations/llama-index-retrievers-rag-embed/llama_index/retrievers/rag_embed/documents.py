"""From LlamaIndex's documents and nodes to rag_embed's documents."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from llama_index.core.schema import BaseNode, MetadataMode
from llama_index.core.schema import Document as LlamaDocument
from llama_index.retrievers.rag_embed.serialised import dumped, kind_of

from rag_embed.errors import BadInput, belongs, class_of
from rag_embed.reading import LANGUAGES, is_markdown, markdown
from rag_embed.types import Document, Skipped

BESIDE = "_llama_index"
"""Metadata key of what a document or node is beside its id, text and metadata."""

SHOWN = {
    "excluded_embed_metadata_keys",
    "excluded_llm_metadata_keys",
    "metadata_template",
    "metadata_separator",
    "text_template",
    "relationships",
}
"""What a part of a document has from it, beside its metadata."""

_HIDDEN = ("excluded_embed_metadata_keys", "excluded_llm_metadata_keys")
_MEDIA = ("image_resource", "audio_resource", "video_resource", "image", "image_path", "image_url")
_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def to_documents(
    documents: Iterable[BaseNode], *, user: str | None = None, readers: Sequence[str] | None = None
) -> Iterator[Document | Skipped]:
    """What any LlamaIndex reader or node parser yields, for ``Index.add``; lazily.

    The title is the metadata's ``title``, else its ``file_name``. Where the file's name tells that
    it is Markdown or code, ``format`` is added, so that it is cut at headings or definitions. The front
    matter of a Markdown document is parted from its text, as `rag_embed.reading.read` does: its values
    are metadata where no such key is there, and its title, else the first heading, is the title. What
    LlamaIndex hides of the metadata from language and embedding models stays hidden in what is
    found; a node that no document was made of, and that is not cut, is found as itself.

    A picture or recording that has neither text nor title is skipped, which the report of
    ``Index.add`` tells.

    An id stays what it is, with one exception: ``SimpleDirectoryReader`` gives its documents a new
    random id each time. Such a document is known by its ``file_path``, with its owner before it;
    where a file was cut, as at pages, with a hash of the text behind it. So loading a folder again
    replaces what has changed. Parts that a changed file has no more stay; `Index.sync` removes
    them, of an owner too. Give ``SimpleDirectoryReader(filename_as_id=True)`` to have the reader's own names.

    Args:
        documents: Documents or nodes of LlamaIndex.
        user: The owner of all of them; ``None`` where nobody owns them.
        readers: Groups that may read them; ``None`` for none: without an owner everybody may.

    Raises:
        BadInput: Something is no document, or holds what cannot be stored.

    Examples:
        >>> loaded = LlamaDocument(id_="a", text="# A", metadata={"title": "Letters"})
        >>> next(to_documents([loaded]))
        Document(id='a', text='# A', title='Letters', metadata={'title': 'Letters'}, user=None, readers=None)
    """
    for one in documents:
        if not isinstance(one, BaseNode):
            raise BadInput(
                f"Expected a LlamaIndex document or node, got {class_of(one)}.{belongs(one)}"
            )
        document = _parted(one, to_document(one, user=user, readers=readers))
        if document.text.strip() or document.title.strip() or not _media(one):
            yield document
        else:
            yield Skipped(document.id, "it has neither text nor title, and only these are searched")


def _media(node: BaseNode) -> bool:
    """Whether it is a picture or a recording."""
    return any(getattr(node, name, None) is not None for name in _MEDIA)


def to_document(
    node: BaseNode, *, user: str | None = None, readers: Sequence[str] | None = None
) -> Document:
    """One of `to_documents`."""
    name = node.metadata.get("file_name")
    name = name if isinstance(name, str) else ""
    title = node.metadata.get("title")
    text = node.get_content(MetadataMode.NONE)
    added = {key: value for key, value in _syntax(name).items() if key not in node.metadata}
    beside = _beside(node, text, sorted(added))
    return Document(
        id=_known_by(node, text, user),
        text=text,
        title=title if isinstance(title, str) else name,
        metadata={**added, **node.metadata, **({BESIDE: beside} if beside else {})},
        user=user,
        readers=readers,
    )


def _parted(node: BaseNode, document: Document) -> Document:
    """A Markdown file's document without its front matter; anything else, and what is no file, as it is."""
    if not isinstance(node, LlamaDocument) or document.metadata.get("format") != "markdown":
        return document
    said = markdown(document.text)
    title = node.metadata.get("title")
    beside = dict(document.metadata.get(BESIDE, {}))
    if said.front and "front_matter" not in node.metadata:
        for key in _HIDDEN:
            beside[key] = [*beside.get(key, []), "front_matter"]
    return replace(
        document,
        text=said.text,
        title=title if isinstance(title, str) else said.title or document.title,
        metadata={**said.metadata, **document.metadata, **({BESIDE: beside} if beside else {})},
    )


def body_of(node: BaseNode) -> str:
    """A node's text as an index that was fed by `to_documents` has it."""
    text, name = node.get_content(MetadataMode.NONE), node.metadata.get("file_name")
    return markdown(text).text if isinstance(name, str) and is_markdown(name) else text


def _beside(node: BaseNode, text: str, added: list[str]) -> dict[str, Any]:
    """What `nodes.to_node` needs beside text and metadata; nothing for a plain document.

    Args:
        node: A document or node.
        text: Its text.
        added: Metadata keys of ours, hidden from models.
    """
    is_document = isinstance(node, LlamaDocument)
    beside = dumped(node, SHOWN if is_document else None)
    for key in _HIDDEN:
        if hidden := [*beside.get(key, []), *added]:
            beside[key] = hidden
    if is_document:
        return beside
    seen, start = text.strip(), len(text) - len(text.lstrip())
    whole = [text[:start], len(seen), text[start + len(seen) :]]
    return {"kind": kind_of(node), "whole": whole, **beside}


def names_of(node: BaseNode) -> tuple[str, ...]:
    """Under which ids an index may keep a node, or the document that it was cut from.

    Its source, its own id, what `to_documents` makes of it, and the path of its file.
    """
    made = _known_by(node, node.get_content(MetadataMode.NONE), None)
    names = (node.ref_doc_id, node.node_id, made, node.metadata.get("file_path"))
    return tuple(dict.fromkeys(one for one in names if isinstance(one, str) and one))


def _known_by(node: BaseNode, text: str, user: str | None) -> str:
    """The id to store a document under: its own, unless a reader of files made it at random."""
    path, size = (node.metadata.get(key) for key in ("file_path", "file_size"))
    if not isinstance(path, str) or size is None or not random_id(node):
        return node.node_id
    path = path if user is None else f"{user}:{path}"
    if size in (len(text), len(text.encode("utf-8", "surrogatepass"))):
        return path
    part = json.dumps([node.metadata.get("page_label"), text], default=str)
    return f"{path}#{hashlib.blake2b(part.encode(), digest_size=8).hexdigest()}"


def random_id(node: BaseNode) -> bool:
    """Whether the id was made up when the node was, and not given by anybody.

    Pydantic tells, except after unpickling, where all fields count as given.
    """
    given = node.model_fields_set
    return "id_" not in given or (
        given == type(node).model_fields.keys() and is_uuid4(node.node_id)
    )


def is_uuid4(id: str) -> bool:
    """Whether an id has the form of those that LlamaIndex makes at random.

    Examples:
        >>> is_uuid4("a"), is_uuid4("3f2b7c1e-8d7a-4c3e-9f10-2b6a5d4c3e2f")
        (False, True)
    """
    return bool(_UUID4.fullmatch(id))


def _syntax(name: str) -> dict[str, str]:
    """What a file's name tells about how to cut it."""
    if is_markdown(name):
        return {"format": "markdown"}
    language = LANGUAGES.get(PurePath(name).suffix.lower())
    return {"format": "code", "language": language} if language else {}
