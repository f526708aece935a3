"""Documents and the chunks they are cut into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import takewhile
from typing import Any, Final, NamedTuple

from rag_embed.arguments import count
from rag_embed.errors import BadInput
from rag_embed.types.access import Audience, group_names
from rag_embed.types.pages import of_joined, of_part


class Anyone(Enum):
    """Stands for every owner, and for none; ``None`` stands for no owner."""

    ANYONE = "anyone"


ANYONE: Final = Anyone.ANYONE
"""Whoever it belongs to."""


@dataclass(frozen=True, slots=True)
class Document:
    """One text with an identity.

    Attributes:
        id: Unique in an index; adding a document with a known id replaces the old one.
        text: The whole text. Offsets everywhere in rag_embed count characters of this string.
        title: Shown with hits, read by the encoders and by lexical search. May be empty.
        metadata: Values as `rag_embed.values.plain` takes them: what JSON holds, dates, UUIDs,
            decimals, enums, numpy scalars. The declared ``fields`` among them are columns.
        user: Owner, who alone may read it, beside ``readers``. ``None`` where nobody owns it.
        readers: Groups whose members may read it; kept as a tuple of names, each once, in order. None for no
            groups: then it is the owner's alone, or everybody's where nobody owns it.

    Raises:
        BadInput: A value has the wrong type, or ``readers`` is empty though nobody owns the document.

    Examples:
        >>> Document("guide", "Use a context manager.", title="Files").title
        'Files'
    """

    id: str
    text: str
    title: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict, hash=False)
    user: str | None = None
    readers: Sequence[str] | None = None

    def __post_init__(self) -> None:
        for name in ("id", "text", "title"):
            value = getattr(self, name)
            if not isinstance(value, str):
                raise BadInput(
                    f"Document.{name} must be a str, got {type(value).__name__}; convert it first."
                )
        if not self.id:
            raise BadInput("Document.id is empty; give every document an id that stays the same.")
        if self.user is not None and (not isinstance(self.user, str) or not self.user):
            raise BadInput("Document.user must be a non-empty str, or None for a shared document.")
        if not isinstance(self.metadata, Mapping):
            raise BadInput(
                f"Document.metadata must be a mapping, got {type(self.metadata).__name__}."
            )
        if self.readers is not None:
            readers = group_names(f"Document.readers of {self.id!r}", self.readers)
            if not readers and self.user is None:
                raise BadInput(
                    f"Document.readers of {self.id!r} is empty, and without an owner everybody would read it. "
                    "Name a group or an owner; leave readers None if it is for everybody."
                )
            object.__setattr__(self, "readers", readers or None)

    @property
    def audience(self) -> Audience:
        """Who may read it."""
        return Audience(self.user, tuple(self.readers or ()))


@dataclass(frozen=True, slots=True)
class Chunk:
    """A contiguous part of a document: ``text == document.text[start:end]``.

    Attributes:
        id: ``"{doc_id}#{start}-{end}"``; the same part of the same document always has the same id.
        doc_id: The document it was cut from.
        text: The exact characters.
        start: Offset of the first character in the document.
        end: Offset after the last character.
        ordinal: Position among the chunks of its document, from 0.
        title: The document's title.
        headings: The headings above it, outermost first.
        metadata: The document's metadata; in place of ``page_starts``, the offset of each page, slide,
            sheet or cell, a chunk has its ``page``, from 1; one that goes on to later ones has
            ``page_end``, and ``page_breaks``, the offsets in the document at which these start.
        user: The document's owner, ``None`` when nobody owns it.
        readers: The document's groups.
    """

    id: str
    doc_id: str
    text: str
    start: int
    end: int
    ordinal: int = 0
    title: str = ""
    headings: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict, hash=False)
    user: str | None = None
    readers: tuple[str, ...] = ()

    @property
    def audience(self) -> Audience:
        """Who may read it."""
        return Audience(self.user, self.readers)

    @classmethod
    def of(
        cls,
        document: Document,
        start: int,
        end: int,
        *,
        ordinal: int = 0,
        headings: tuple[str, ...] = (),
    ) -> Chunk:
        """Cut ``document.text[start:end]`` and give it its deterministic id.

        Raises:
            BadInput: The offsets are not in order, or not within the text.

        Examples:
            >>> Chunk.of(Document("d", "one two"), 4, 7).text
            'two'
        """
        start, end = count("start", start, 0), count("end", end, 0)
        if not start <= end <= len(document.text):
            raise BadInput(
                f"Chunk.of cuts within the {len(document.text)} characters of {document.id!r}, got "
                f"{start} to {end}."
            )
        return cls(
            id=f"{document.id}#{start}-{end}",
            doc_id=document.id,
            text=document.text[start:end],
            start=start,
            end=end,
            ordinal=count("ordinal", ordinal, 0),
            title=document.title,
            headings=headings,
            metadata=of_part(document.metadata, document.text[start:end], start),
            user=document.user,
            readers=document.audience.readers,
        )

    @classmethod
    def joined(cls, chunks: Sequence[Chunk], text: str) -> Chunk:
        """Neighbouring chunks of a document in one piece, under the headings that all of them share.

        Args:
            chunks: At least one, in reading order.
            text: The document's, from where the first starts to where the last ends.

        Examples:
            >>> document = Document("d", "one two")
            >>> Chunk.joined([Chunk.of(document, 0, 3), Chunk.of(document, 4, 7)], "one two").id
            'd#0-7'
        """
        first, end = chunks[0], max(one.end for one in chunks)
        levels = zip(*(one.headings for one in chunks), strict=False)
        return replace(
            first,
            id=f"{first.doc_id}#{first.start}-{end}",
            text=text,
            end=end,
            headings=tuple(one[0] for one in takewhile(lambda one: len(set(one)) == 1, levels)),
            metadata=of_joined((one.metadata, one.start) for one in chunks),
        )


class Cut(NamedTuple):
    """A document with its chunks, or with some of them, in reading order."""

    document: Document
    chunks: Sequence[Chunk]


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that could not become a document, or a part of one that could not be read.

    Attributes:
        source: Path (with ``:line`` for a line of a file) or document id.
        reason: Why, in words for the user; the same for all of a kind.
        by_rule: Whether nothing is amiss: it was left out by rule, as hidden and ignored files are, or
            there is no text in it.
        partly: Whether the document was read all the same, without the page or value that is meant.
    """

    source: str
    reason: str
    by_rule: bool = False
    partly: bool = False


def doc_id_of(chunk_id: str) -> str:
    """The document a chunk id belongs to.

    Examples:
        >>> doc_id_of("notes#1.md#0-40")
        'notes#1.md'
    """
    return chunk_id.rpartition("#")[0]


def place_of(chunk_id: str) -> tuple[str, int]:
    """Where a chunk stands: its document, and its first character there; puts ids in reading order.

    Examples:
        >>> sorted(["b#0-5", "a#40-90", "a#5-40"], key=place_of)
        ['a#5-40', 'a#40-90', 'b#0-5']
    """
    return doc_id_of(chunk_id), span_of(chunk_id)[0]


def span_of(chunk_id: str) -> tuple[int, int]:
    """Where a chunk starts in its document, and where it ends.

    Examples:
        >>> span_of("notes#1.md#0-40")
        (0, 40)
    """
    start, _, end = chunk_id.rpartition("#")[2].partition("-")
    return int(start), int(end)
