"""Hits for a reader: where, how relevant, and the part of the text that answers, its words marked."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.text import Text

from rag_embed.cli.show import out
from rag_embed.index import Index
from rag_embed.indexing.explanation import Explanation, explanations
from rag_embed.indexing.marks import Mark, marks, window, within
from rag_embed.ranking.relevance import LIKELY, figure, meaning
from rag_embed.types import Hit, Query

_SHOWN = 300
"""Characters of a text that are shown."""

_STYLES = {"same": "bold yellow", "alike": "yellow"}


def print_hits(index: Index, query: Query, hits: Sequence[Hit], *, chunks: bool = True) -> None:
    """Print what was found.

    Args:
        index: Where it was found.
        query: What was asked.
        hits: What was found.
        chunks: Whether they are chunks; of passages only the words are known that they share.
    """
    analyzer = index.store.analyzer
    found = (
        index.explain(query, hits=hits)
        if chunks
        else explanations(analyzer, query, hits, (), (), (), ())
    )
    for rank, one in enumerate(found, 1):
        out.print(_head(one.hit, rank, bool(query.text.strip())), soft_wrap=True)
        out.print(snippet(one, marks(one.hit.text, one.words, analyzer, one.tokens)))
        out.print()


def _head(hit: Hit, rank: int, asked: bool) -> Text:
    chunk, cited = hit.chunk, hit.citation()
    page = f", {cited.pages}" if cited.pages else ""
    where = " > ".join(filter(None, dict.fromkeys([chunk.title, *chunk.headings])))
    colour = "green" if hit.relevance >= LIKELY else "yellow"
    return Text.assemble(
        (f"{rank:>2} ", "dim"),
        (where or chunk.doc_id, "bold"),
        (f"  {chunk.doc_id}{page} [{chunk.start}:{chunk.end}]", "dim"),
        (f"  relevance {figure(hit.relevance)}, {meaning(hit.relevance)}" if asked else "", colour),
    )


def snippet(one: Explanation, marked: Sequence[Mark]) -> Text:
    """The part of a hit that answers, on few lines, with its marks."""
    text = one.hit.text
    start, end = window(text, marked, _SHOWN)
    part, inside = text[start:end], within(marked, start, end)
    shown = Text("… " * (start > 0))
    for number, word in enumerate(re.finditer(r"\S+", part)):
        shown.append(" " * (number > 0))
        before = len(shown)
        shown.append(word[0])
        for mark in inside:
            if word.start() <= mark.start < word.end():
                place = before + mark.start - word.start(), before + mark.end - word.start()
                shown.stylize(_STYLES[mark.kind], *place)
    return shown.append(" …" * (end < len(text)))
