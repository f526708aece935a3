"""Documents into a store: skip what is unchanged, cut, encode, write, in bounded memory.

Killing the process at any instant loses no committed document: a batch is one commit, and a
document counts as stored only when all of its chunks are.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TypeAlias

from rag_embed.errors import BadInput
from rag_embed.protocols import ChunkEncoder, Splitter, Store, View
from rag_embed.situated.reuse import encoded_again
from rag_embed.situated.space import written
from rag_embed.stores.checks import check_owners
from rag_embed.text import storable
from rag_embed.types import Chunk, Cut, Document, Skipped, TokenBits, Vectors

_LOOK_UP = 256
"""Documents whose hashes are compared at once."""

_FLUSH_CHUNKS = 8192
_FLUSH_CHARACTERS = 500_000
"""A batch is written when it has so many chunks, or so many characters: about half a minute of
encoding on a CPU, and few commits for many tiny texts."""

_UNUSABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters and halves of surrogate pairs."""

_WORTH_READING = 4
"""Chunks of a document from which on its stored vectors are looked up before it is encoded again."""


@dataclass(frozen=True, slots=True)
class AddReport:
    """What `Index.add` did. Counts of documents, except ``chunks``.

    Attributes:
        added: Were new.
        replaced: Had changed.
        unchanged: Were stored already and cost no encoding.
        chunks: Chunks written.
        skipped: What could not be read or used, and why.
    """

    added: int = 0
    replaced: int = 0
    unchanged: int = 0
    chunks: int = 0
    skipped: tuple[Skipped, ...] = field(default=())

    @property
    def documents(self) -> int:
        """Documents that are in the index because of this call, or were before."""
        return self.added + self.replaced + self.unchanged


Progress: TypeAlias = Callable[[AddReport], None]
"""Called after every batch with the counts so far."""


@dataclass(frozen=True, slots=True)
class Ingest:
    """Adds documents to a store.

    Attributes:
        store: Where they go.
        splitter: Cuts documents.
        spaces: Chunk encoder of each space.
    """

    store: Store
    splitter: Splitter
    spaces: Mapping[str, ChunkEncoder]

    def add(
        self, documents: Iterable[Document | Skipped], progress: Progress | None = None
    ) -> AddReport:
        """See `Index.add`."""
        report = AddReport()
        seen: set[str] = set()
        batch: list[tuple[Document, str, list[Chunk]]] = []
        room = Room()
        for some in _batches(documents, _LOOK_UP):
            usable, skipped = _usable(some, seen)
            report = replace(report, skipped=report.skipped + skipped)
            changed, report = self._changed(usable, report)
            for document, digest in changed:
                chunks = self._cut(document)
                batch.append((document, digest, chunks))
                if room.full_after(document, chunks):
                    report = self._write(batch, report, progress)
                    batch, room = [], Room()
        return self._write(batch, report, progress)

    def _cut(self, document: Document) -> list[Chunk]:
        """The document's chunks; one without text has an empty one that its title is found by."""
        chunks = self.splitter.split(document)
        if not chunks and document.title.strip():
            return [Chunk.of(document, 0, 0)]
        return chunks

    def _changed(
        self, documents: Sequence[Document], report: AddReport
    ) -> tuple[list[tuple[Document, str]], AddReport]:
        """Those that must be written, and the report with the others counted."""
        known = self.store.known([document.id for document in documents])
        changed = []
        added = replaced = unchanged = 0
        for document in documents:
            digest = content_hash(document)
            stored, owner = known.get(document.id, (None, document.user))
            check_owners([document], {document.id: owner})
            if stored == digest:
                unchanged += 1
                continue
            added += stored is None
            replaced += stored is not None
            changed.append((document, digest))
        counted = replace(
            report,
            added=report.added + added,
            replaced=report.replaced + replaced,
            unchanged=report.unchanged + unchanged,
        )
        return changed, counted

    def _before(self, cuts: Sequence[Cut]) -> tuple[list[Cut], View]:
        """What is stored of documents that have changed, where it is whole and worth reading."""
        long = [document.id for document, chunks in cuts if len(chunks) >= _WORTH_READING]
        whole = [id for id, (digest, _) in self.store.known(long).items() if digest]
        view = self.store.view()
        return [Cut(one, view.document_chunks(one.id)) for one in view.documents(whole)], view

    def _write(
        self,
        batch: list[tuple[Document, str, list[Chunk]]],
        report: AddReport,
        progress: Progress | None,
    ) -> AddReport:
        if batch:
            cuts = [Cut(document, chunks) for document, _, chunks in batch]
            chunks = [chunk for _, some in cuts for chunk in some]
            vectors: dict[str, Vectors] = {}
            tokens: dict[str, list[TokenBits]] = {}
            before, view = self._before(cuts)
            for name, space in self.spaces.items():
                vectors[name], kept = encoded_again(name, space, cuts, before, view)
                if kept is not None:
                    tokens[name] = kept
            words = next(filter(None, (written(one, cuts) for one in self.spaces.values())), None)
            stored = [(document, digest) for document, digest, _ in batch]
            self.store.replace(stored, chunks, vectors, tokens, words)
            report = replace(report, chunks=report.chunks + len(chunks))
        if progress is not None:
            progress(report)
        return report


class Room:
    """How much of a batch is used: it is written when it is about half a minute of encoding."""

    def __init__(self) -> None:
        self._chunks = self._characters = 0

    def full_after(self, document: Document, chunks: Sequence[Chunk]) -> bool:
        """Count a document in; True when the batch should be written."""
        self._chunks += len(chunks)
        self._characters += len(document.text)
        return self._chunks >= _FLUSH_CHUNKS or self._characters >= _FLUSH_CHARACTERS


def content_hash(document: Document) -> str:
    """Hash of everything that is stored of a document.

    Raises:
        BadInput: The metadata is not JSON-serialisable.
    """
    try:
        metadata = json.dumps(dict(document.metadata), sort_keys=True)
    except (TypeError, ValueError) as error:
        raise BadInput(
            f"Document {document.id!r}: metadata must be JSON-serialisable ({error}). "
            "Convert dates and objects to strings or numbers."
        ) from error
    parts = json.dumps([document.title, document.text, document.user, metadata])
    return hashlib.blake2b(parts.encode(), digest_size=16).hexdigest()


def cleaned(document: Document) -> Document:
    """The document as it can be stored: lone surrogates become U+FFFD, offsets stay.

    Raises:
        BadInput: The id or the owner holds a control character or half of a surrogate pair, which
            cannot be altered without becoming another's.
    """
    for what, name in (("id", document.id), ("owner", document.user or "")):
        if found := _UNUSABLE.search(name):
            raise BadInput(
                f"The {what} of document '{_shown(document.id)}' holds {found[0]!a}, a control "
                "character or half of a surrogate pair; use one without."
            )
    if document.text.isascii() and document.title.isascii():
        return document
    return replace(document, text=storable(document.text), title=storable(document.title))


def came_from(document: Document, skipped: Sequence[Skipped]) -> bool:
    """Whether a document's source is among those skipped, or lies below one of them.

    Examples:
        >>> came_from(Document("a/b.md", "text"), [Skipped("a", "cannot be listed")])
        True
    """
    names = {document.id, str(document.metadata.get("path", document.id))}
    sources = {re.sub(r":\d+$", "", one.source) for one in skipped}
    return any(name == s or name.startswith(f"{s}/") for name in names for s in sources)


def _usable(
    documents: Sequence[Document | Skipped], seen: set[str]
) -> tuple[list[Document], tuple[Skipped, ...]]:
    """Cleaned documents with ids not seen before, and what is left out."""
    usable: list[Document] = []
    skipped: list[Skipped] = []
    for one in documents:
        if isinstance(one, Skipped):
            skipped.append(one)
        elif not isinstance(one, Document):
            raise BadInput(f"Expected Document, got {type(one).__name__}.")
        elif one.id in seen:
            skipped.append(Skipped(one.id, "the id came before in the same call; ids are unique"))
        else:
            seen.add(one.id)
            try:
                usable.append(cleaned(one))
            except BadInput as error:
                skipped.append(Skipped(_shown(one.id), str(error)))
    return usable, tuple(skipped)


def _shown(id: str) -> str:
    """An id that can be printed."""
    return _UNUSABLE.sub(lambda found: ascii(found[0])[1:-1], id)


def _batches(
    documents: Iterable[Document | Skipped], size: int
) -> Iterator[list[Document | Skipped]]:
    iterator = iter(documents)
    while batch := list(islice(iterator, size)):
        yield batch
