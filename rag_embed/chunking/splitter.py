# ruff: noqa: SIM905 - kinds read best as text
"""`TokenSplitter`: from a document to its chunks."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from rag_embed.arguments import check_is, set_counts
from rag_embed.chunking.breaks import pieces
from rag_embed.chunking.code import code_outline, has_grammar
from rag_embed.chunking.light import SYNTAXES, light_outline
from rag_embed.chunking.markdown import markdown_outline
from rag_embed.chunking.outline import Outline, Table, common_path, groups
from rag_embed.chunking.packing import pack
from rag_embed.chunking.python import python_outline
from rag_embed.chunking.tokens import TokenCounts
from rag_embed.errors import BadInput
from rag_embed.types import Chunk, Document, Spans


class Tokens(Protocol):
    """The part of an encoder that a splitter needs."""

    def token_spans(self, text: str, /) -> Spans:
        """Character offsets of the tokens in ``text``."""
        ...


MARKDOWN = frozenset(
    "markdown html notebook man doc docx eml epub msg odp ods odt ppt pptx rtf xls xlsx".split()
)
"""Values of ``metadata["format"]`` whose text is Markdown, or was made Markdown by a reader."""

_DEEPEST = 200
"""Characters of indentation that a chunk keeps."""


@dataclass(frozen=True, slots=True)
class TokenSplitter:
    r"""Cuts at headings, paragraphs, list items, sentences, words - the best place that fits.

    ``document.metadata["format"]`` names the syntax: ``"markdown"`` and what the readers make Markdown
    (``"html"``, ``"docx"``, ``"notebook"``, ...), ``"rst"``, ``"asciidoc"``, ``"org"`` and ``"tex"`` have
    headings, ``"rows"`` has rows, ``"code"`` has lines, with a ``"language"`` that is known also
    definitions: Python's always, those of others with tree-sitter (extra ``code``), without which
    source is cut between its blocks; anything else is plain text. Chunks are in order, cover every visible
    character, start with one or the indentation before it and end with one (a document kept whole is
    kept as it is), and do not overlap unless ``overlap`` is set. A block of code or a table that fits a
    chunk is not cut. A chunk's headings are those that all of its text stands under, and the names of
    the columns where it starts among the rows of a table. A section shares chunks only with its own
    subsections, or with small sections (a quarter of ``max_tokens``) beside it, or if one of them has
    very few tokens (an eighth).

    Attributes:
        encoder: Counts tokens; the whole text is given to it once per document.
        max_tokens: Tokens per chunk at most; None makes one chunk of each whole document. A single
            character that has more tokens is a chunk of its own.
        overlap: Tokens, in whole sentences, that a chunk repeats from the one before it in the same
            section; at most half of ``max_tokens``.

    Raises:
        BadInput: The numbers are out of range.

    Examples:
        >>> class Words:
        ...     def token_spans(self, text):
        ...         import re
        ...         return np.array([m.span() for m in re.finditer(r"\w+", text)]).reshape(-1, 2)
        >>> guide = Document("d", "# Files\n\nOpen it. Read it.", metadata={"format": "markdown"})
        >>> [(c.text, c.headings) for c in TokenSplitter(Words(), max_tokens=3).split(guide)]
        [('# Files\n\nOpen it.', ('Files',)), ('Read it.', ('Files',))]
    """

    encoder: Tokens
    max_tokens: int | None = 200
    overlap: int = 0

    def __post_init__(self) -> None:
        check_is("TokenSplitter.encoder", self.encoder, Tokens)
        set_counts(self, 1, "max_tokens")
        set_counts(self, 0, "overlap")
        limit = self.max_tokens
        if self.overlap and (limit is None or self.overlap > limit // 2):
            raise BadInput(
                f"overlap must be at most half of max_tokens, got overlap={self.overlap} with "
                f"max_tokens={limit}; lower it or raise max_tokens."
            )

    @property
    def settings(self) -> dict[str, Any]:
        """What decides where to cut, the encoder aside; JSON-serialisable."""
        return {"max_tokens": self.max_tokens, "overlap": self.overlap}

    @classmethod
    def from_settings(cls, encoder: Tokens, settings: Mapping[str, Any]) -> TokenSplitter:
        """The splitter that has these `settings`.

        Raises:
            BadInput: A setting is missing, unknown or out of range.
        """
        if set(settings) != {"max_tokens", "overlap"}:
            raise BadInput(
                "Splitter settings must be exactly max_tokens and overlap, got "
                f"{sorted(settings)}; the index was made by another version of rag_embed."
            )
        return cls(encoder, settings["max_tokens"], settings["overlap"])

    def split(self, document: Document, /) -> list[Chunk]:
        """Chunks in reading order; none for a document without visible text."""
        text = document.text
        start, end = _visible(text, 0, len(text))
        if start == end:
            return []
        if self.max_tokens is None:
            return [Chunk.of(document, 0, len(text))]
        counts = TokenCounts.of(self.encoder.token_spans(text))
        outline = _outline(document)
        starts = [section.start for section in outline.sections]
        chunks = []
        for ordinal, (first, last) in enumerate(self._spans(text, outline, starts, counts)):
            of = slice(bisect_right(starts, first) - 1, bisect_left(starts, last))
            path = common_path(outline.sections[of])
            if heads := outline.heads(first):
                path = (*path, heads)
            first = self._indented(text, first, last, counts)
            chunks.append(Chunk.of(document, first, last, ordinal=ordinal, headings=path))
        return chunks

    def _indented(self, text: str, first: int, last: int, counts: TokenCounts) -> int:
        """Where the line starts that a chunk starts in, if nothing but its indentation is before it."""
        start = first
        while start and text[start - 1] in " \t" and first - start < _DEEPEST:
            start -= 1
        at_margin = start == 0 or text[start - 1] in "\r\n"
        fits = counts.between(start, last) <= (self.max_tokens or 0)
        return start if at_margin and fits else first

    def _spans(
        self, text: str, outline: Outline, starts: list[int], counts: TokenCounts
    ) -> Iterator[tuple[int, int]]:
        budget = self.max_tokens or 0
        ends = [*starts[1:], len(text)]
        sizes = counts.until(np.array(ends)) - counts.before(np.array(starts))
        empty = {
            nth
            for nth, (section, end) in enumerate(zip(outline.sections, ends, strict=True))
            if section.body > section.start and _empty(text, section.body, end)
        }
        for first, last in groups(outline.sections, sizes.tolist(), budget, budget // 4, empty):
            start, end = _visible(text, starts[first], ends[last - 1])
            if start == end:
                continue
            if counts.between(start, end) <= budget:
                yield start, end
                continue
            room = budget - self.overlap
            parts = pieces(text, start, end, outline, counts, room, budget)
            yield from pack(parts, counts, budget, self.overlap)


def _outline(document: Document) -> Outline:
    text, kind = document.text, document.metadata.get("format")
    if not isinstance(kind, str):
        return Outline()
    if kind in MARKDOWN:
        return markdown_outline(text)
    if kind in SYNTAXES:
        return light_outline(text, kind)
    if kind == "rows":
        return Outline(tables=(Table(0, 0, len(text), ""),))
    return _source(text, document.metadata.get("language")) if kind == "code" else Outline()


def _source(text: str, language: object) -> Outline:
    if language == "python":
        return python_outline(text)
    if isinstance(language, str) and has_grammar(language):
        return code_outline(text, language)
    return Outline(verbatim=((0, len(text)),), source=True)


def _empty(text: str, start: int, end: int) -> bool:
    return start == end or text[start:end].isspace()


def _visible(text: str, start: int, end: int) -> tuple[int, int]:
    """The range without white space at its ends; empty when there is nothing else."""
    part = text[start:end]
    visible = part.strip()
    first = start + len(part) - len(part.lstrip()) if visible else start
    return first, first + len(visible)
