"""How an index cuts documents: by its own splitter, or by one that only the program can make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rag_embed.arguments import check_is
from rag_embed.chunking import TokenSplitter
from rag_embed.chunking.splitter import Tokens
from rag_embed.errors import BadInput, ModelUnavailable, class_of
from rag_embed.protocols import Splitter
from rag_embed.types import Chunk, Cut, Document

CLASS = "class"
"""In the settings of an index: whose splitter cuts, where it is not `TokenSplitter`."""

COPIED = 2**26
"""Characters that all chunks of one document may have of its title, headings and metadata."""

_FEW = 64


@dataclass(frozen=True, slots=True)
class AbsentSplitter:
    """A `protocols.Splitter` that says what to pass where it should cut."""

    remedy: str

    def split(self, document: Document, /) -> list[Chunk]:
        """Always raises ModelUnavailable."""
        raise ModelUnavailable(self.remedy)


def chosen(
    given: Splitter | None, encoder: Tokens, sizes: Mapping[str, Any]
) -> tuple[Splitter, Mapping[str, Any]]:
    """What cuts the documents of a new index, and what the index remembers of it.

    Args:
        given: The program's own; None for a `TokenSplitter`.
        encoder: Counts tokens.
        sizes: ``chunk_tokens`` and ``chunk_overlap``, as far as they were given.

    Raises:
        BadInput: A splitter came with sizes, or a size is out of range.
    """
    if given is None:
        own = TokenSplitter(encoder, sizes.get("chunk_tokens", 200), sizes.get("chunk_overlap", 0))
        return own, own.settings
    if sizes:
        raise BadInput(
            f"A splitter decides by itself where to cut; leave out {' and '.join(sizes)}."
        )
    return check_is("splitter", given, Splitter), {CLASS: class_of(given)}


def again(
    settings: Mapping[str, Any], encoder: Tokens, given: Splitter | None, place: str
) -> Splitter:
    """What cuts the documents of an index that is there.

    Args:
        settings: What `chosen` had it remember.
        encoder: Counts tokens.
        given: The program's own.
        place: Where the index is.

    Raises:
        BadInput: One is given, and the index was made without.
    """
    if CLASS in settings and given is not None:
        return check_is("splitter", given, Splitter)
    if CLASS in settings:
        return AbsentSplitter(
            f"The documents of the index at {place!r} are cut by a {settings[CLASS]}, which only the "
            f"program that built it can make: pass it, Index.open({place!r}, splitter=...). Searching "
            "works without it."
        )
    if given is not None:
        raise BadInput(
            f"The index at {place!r} cuts documents into chunks of {settings['max_tokens']} tokens, got "
            f"a {class_of(given)}. Leave splitter out, or make a new index with it."
        )
    return TokenSplitter.from_settings(encoder, settings)


def unwieldy(cut: Cut) -> str | None:
    """Why a document cannot be stored for its size; None where it can.

    Every chunk has a copy of its document's title and metadata, and of its headings: a file of a few megabytes
    could become gigabytes.
    """
    if len(cut.chunks) < _FEW:
        return None
    size = sum(len(one.title) + sum(map(len, one.headings)) for one in cut.chunks)
    size += len(cut.chunks) * len(str(cut.chunks[0].metadata))
    if size <= COPIED:
        return None
    return (
        f"has a title, headings and metadata that would take {size:,} characters in its "
        f"{len(cut.chunks)} chunks, each of which has a copy; up to {COPIED:,} can be stored. Shorten them, or "
        "make chunks longer"
    )
