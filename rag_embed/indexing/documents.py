"""What comes to be added: documents that can be stored, and what is left out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from rag_embed.errors import BadInput, adapter_of, class_of
from rag_embed.fields import Fields
from rag_embed.indexing.origin import origin_of
from rag_embed.protocols import Store
from rag_embed.text import shown, storable, unusable
from rag_embed.types import Document, Skipped
from rag_embed.values import plain

Given: TypeAlias = Iterable[Document | Skipped] | Document
"""What is given to be added: any iterable, consumed lazily, or one document."""


def content_hash(document: Document) -> str:
    """Hash of everything that is stored of a document, its audience included.

    Raises:
        BadInput: The metadata cannot be stored.
    """
    metadata = json.dumps(plain(document.metadata, f"Document {document.id!r}"), sort_keys=True)
    named = [list(document.readers)] if document.readers else []
    parts = json.dumps([document.title, document.text, document.user, metadata, *named])
    return hashlib.blake2b(parts.encode(), digest_size=16).hexdigest()


def cleaned(document: Document) -> Document:
    """The document as it can be stored: lone surrogates become U+FFFD, offsets stay.

    Raises:
        BadInput: The id or the owner holds a control character or half of a surrogate pair, which
            cannot be altered without becoming another's.
    """
    for what, name in (("id", document.id), ("owner", document.user or "")):
        if found := unusable(name):
            raise BadInput(
                f"The {what} of document '{shown(document.id)}' holds {found!a}, a control "
                "character or half of a surrogate pair; use one without."
            )
    if document.text.isascii() and document.title.isascii():
        return document
    return replace(document, text=storable(document.text), title=storable(document.title))


def fitting(document: Document, fields: Fields) -> tuple[Document, list[Skipped]]:
    """The document without the values of its metadata that cannot be stored, and a word on each of them."""
    kept: dict[str, Any] = {}
    left: list[Skipped] = []
    for key, value in document.metadata.items():
        one = {key: value}
        try:
            kept |= plain(one, f"Document {document.id!r}")
            fields.values(replace(document, metadata=one))
        except BadInput as error:
            kept.pop(key, None)
            reason = f"{error} Until then it is indexed without this value."
            left.append(Skipped(document.id, reason, partly=True))
    return (replace(document, metadata=kept), left) if left else (document, left)


def several(documents: Given) -> Iterable[Document | Skipped]:
    """Documents to go through; one alone is a list of one.

    Raises:
        BadInput: It is neither.
    """
    if isinstance(documents, Document):
        return [documents]
    one = isinstance(documents, str | bytes | Mapping) or adapter_of(documents)
    if one or not isinstance(documents, Iterable):
        raise _no_document(documents)
    return documents


def _no_document(value: object) -> BadInput:
    adapter = adapter_of(value)
    remedy = f"convert it with {adapter}.to_documents" if adapter else "write Document(id, text)"
    return BadInput(f"Expected a rag_embed.Document, got {class_of(value)}; {remedy}.")


def still_closed(store: Store, documents: Sequence[Document]) -> list[Document]:
    """The documents of a program whose own kind of document does not say who reads it.

    One that names no readers stays for those who may read the stored one: what was found comes back so. Its
    metadata cannot tell, since a text could say anything, and readers need not know of each other.

    Args:
        store: Where the documents may be stored already.
        documents: With distinct ids.
    """
    known = store.audiences([one.id for one in documents if one.readers is None])
    return [
        replace(one, readers=known[one.id].readers or None)
        if one.id in known and known[one.id].user == one.user
        else one
        for one in documents
    ]


def usable(
    documents: Sequence[Document | Skipped], seen: dict[str, str]
) -> tuple[list[Document], list[Skipped]]:
    """Cleaned documents with ids not seen before, and what is left out.

    Args:
        documents: What comes.
        seen: Ids that came, each with where it came from; what comes now is added.
    """
    good: list[Document] = []
    skipped: list[Skipped] = []
    for one in documents:
        if isinstance(one, Skipped):
            skipped.append(one)
        elif not isinstance(one, Document):
            raise _no_document(one)
        elif one.id in seen:
            before = f" from {seen[one.id]!r}" if seen[one.id] else ""
            reason = f"the id came before in the same call{before}; ids are unique over all files"
            skipped.append(Skipped(shown(one.id), reason))
        else:
            seen[one.id] = origin_of(one)
            try:
                good.append(cleaned(one))
            except BadInput as error:
                skipped.append(Skipped(shown(one.id), str(error)))
    return good, skipped
