"""What is shown of the hits of a search: the best ones that fit a budget, neighbours in one piece."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from rag_embed.ranking.answering import place_in
from rag_embed.ranking.relevance import figure
from rag_embed.serving.citations import citation, line, page, under
from rag_embed.serving.lengths import fitting
from rag_embed.serving.library import Shelf
from rag_embed.text import printable
from rag_embed.types import Chunk, Hit

_FRAME = 4
"""Tokens of what stands around an id: the number, the relevance."""


@dataclass(frozen=True, slots=True)
class Quote:
    """A passage as it is shown.

    Attributes:
        shelf: Where it was found.
        chunk: Its text and place.
        hit: Its best chunk, as it was found.
        cut: Whether only its beginning is shown.
    """

    shelf: Shelf
    chunk: Chunk
    hit: Hit
    cut: bool = False

    def block(self, number: int, several: bool) -> str:
        """For a model: a line that cites, and the text."""
        return f"[{number}] {self.head(several)}\n{printable(self.chunk.text)}{' […]' * self.cut}"

    @property
    def at(self) -> int | None:
        """Where in the document it answers, as far as that says on which of its pages."""
        return place_in(self.hit, self.chunk)

    def head(self, several: bool) -> str:
        """The line above the text, without its number."""
        chunk, relevance = self.chunk, f"relevance {figure(self.hit.relevance)}"
        place = under(chunk.title, chunk.headings)
        return line(self.shelf, several, chunk.id, relevance, page(chunk, self.at), place)

    @property
    def data(self) -> dict[str, Any]:
        """For a program."""
        said = {"relevance": round(self.hit.relevance, 4), "text": self.chunk.text, "cut": self.cut}
        return {**citation(self.shelf, self.chunk, self.at), **said}


def quoted(found: Sequence[tuple[Shelf, Hit]], budget: int) -> tuple[list[Quote], list[str]]:
    """The best hits that fit, joined where they are neighbours, each piece in the place of its best hit.

    A hit that does not fit is left out, and smaller ones behind it are still looked at: what is shown is
    worth the most where the best come first. Only the first one is cut where it is too long by itself.

    Args:
        found: Hits, best first.
        budget: Tokens of all lines and texts, at most.

    Returns:
        What is shown, and the ids of the chunks that did not fit.
    """
    shown: list[Quote] = []
    left_out: list[str] = []
    left = budget
    for shelf, hit in found:
        quote = Quote(shelf, hit.chunk, hit)
        head = shelf.tokens(quote.head(True)) + _FRAME
        length = head + shelf.tokens(hit.text)
        if length <= left:
            shown.append(quote)
            left -= length
        elif not shown:
            end = fitting(shelf, hit.text, max(left - head, left // 2))
            start = hit.chunk.start
            part = replace(hit.chunk, text=hit.text[:end], end=start + end)
            cut = replace(part, id=f"{part.doc_id}#{part.start}-{part.end}")
            shown.append(replace(quote, chunk=cut, cut=True))
            left = 0
        else:
            left_out.append(hit.id)
    return _joined(shown), left_out


def _joined(quotes: Sequence[Quote]) -> list[Quote]:
    """Neighbouring chunks of a document in one piece each, in the place of the best of them."""
    runs: list[list[Quote]] = []
    for quote in sorted(
        quotes, key=lambda one: (one.shelf.name, one.chunk.doc_id, one.chunk.start)
    ):
        last = runs[-1][-1] if runs else None
        if last is not None and _neighbours(last, quote):
            runs[-1].append(quote)
        else:
            runs.append([quote])
    rank = {one.chunk.id: place for place, one in enumerate(quotes)}
    runs.sort(key=lambda run: min(rank[one.chunk.id] for one in run))
    texts = {
        (shelf.name, document.id): document.text
        for shelf, ids in _long(runs)
        for document in shelf.documents(ids)
    }
    return [_whole(run, texts.get((run[0].shelf.name, run[0].chunk.doc_id))) for run in runs]


def _neighbours(one: Quote, other: Quote) -> bool:
    same = one.shelf is other.shelf and one.chunk.doc_id == other.chunk.doc_id
    return same and one.chunk.ordinal + 1 == other.chunk.ordinal and not one.cut


def _long(runs: Sequence[Sequence[Quote]]) -> list[tuple[Shelf, list[str]]]:
    """Documents whose text is needed, by shelf."""
    wanted: dict[str, tuple[Shelf, list[str]]] = {}
    for run in runs:
        if len(run) > 1:
            shelf = run[0].shelf
            wanted.setdefault(shelf.name, (shelf, []))[1].append(run[0].chunk.doc_id)
    return list(wanted.values())


def _whole(run: Sequence[Quote], text: str | None) -> Quote:
    """A run in one piece, its chunks and what lies between them."""
    if len(run) == 1 or text is None:  # None: the document went a moment ago
        return run[0]
    chunks = [one.chunk for one in run]
    whole = Chunk.joined(chunks, text[chunks[0].start : max(one.end for one in chunks)])
    return replace(run[0], chunk=whole, hit=max((one.hit for one in run), key=_relevance))


def _relevance(hit: Hit) -> float:
    return hit.relevance
