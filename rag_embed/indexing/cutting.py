"""How an index cuts documents: by its own splitter, or by one that only the program can make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rag_embed.chunking import TokenSplitter
from rag_embed.chunking.splitter import Tokens
from rag_embed.errors import BadInput, ModelUnavailable, class_of
from rag_embed.protocols import Splitter
from rag_embed.types import Chunk, Document

CLASS = "class"
"""In the settings of an index: whose splitter cuts, where it is not `TokenSplitter`."""


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
    return given, {CLASS: class_of(given)}


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
    if CLASS in settings:
        return given or AbsentSplitter(
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
