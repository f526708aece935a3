"""Passages: neighbouring hits joined into the passage that is worth the most under a token budget.

Relevant-segment extraction (dsRAG, D-Star AI): a hit is worth its relevance, every chunk that a passage
holds costs a little, and the best passage is the run of chunks with the largest sum. Here it is found
exactly, not greedily.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from rag_embed.arguments import count
from rag_embed.chunking.tokens import TokenCounts
from rag_embed.errors import BadInput
from rag_embed.protocols import View
from rag_embed.ranking.answering import place_in
from rag_embed.types import Chunk, Hit, Spans

PENALTY = 0.18
"""What each chunk of a passage costs, hit or not: dsRAG's balanced setting, for relevance in [0, 1]."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A contiguous passage of one document.

    Attributes:
        doc_id: Its document.
        title: The document's title.
        start: Offset of the first character in the document.
        end: Offset after the last one.
        chunks: What it is made of, in reading order; gaps between them belong to it.
        hits: Those of the chunks that were found, best first.
        value: Relevance of the hits less the costs of the chunks.
        tokens: Length, as the caller counts it.
        text: Its exact characters, where the document was at hand; `cover` alone leaves it empty.
    """

    doc_id: str
    title: str
    start: int
    end: int
    chunks: tuple[Chunk, ...]
    hits: tuple[Hit, ...]
    value: float
    tokens: int
    text: str = ""

    @property
    def as_hit(self) -> Hit:
        """The passage in the place of its best hit, whose score, relevance and parts it has.

        Its siblings are the chunks it is made of, and its headings those that all of them share.
        """
        best = self.hits[0]
        chunk = Chunk.joined(self.chunks, self.text)
        return replace(best, chunk=chunk, siblings=self.chunks, at=place_in(best, chunk))


def cover(
    hits: Sequence[Hit],
    chunks: Mapping[str, Sequence[Chunk]],
    budget: int,
    length: Callable[[str, int, int], int],
    *,
    penalty: float = PENALTY,
) -> list[Passage]:
    """Cover all hits with passages: the best one first, then the best of what it left over.

    In every document the run of chunks with the largest value within the budget is taken, then the
    parts before and behind it are searched in the same way until no hit is left. So a hit that is
    far from others, or worth less than its cost, is a passage of its own.

    Args:
        hits: What was found, best first.
        chunks: All chunks of the documents of the hits, by document id, in reading order.
        budget: Tokens of a passage at most. A single hit may be longer: it is never cut.
        length: Tokens of a document between two offsets, ``length(doc_id, start, end)``; a longer
            range never has fewer.
        penalty: What each chunk costs, >= 0.

    Returns:
        By value, then in the order of the hits. No two of them overlap in chunks, and every hit is in
        one: nothing that was found is lost. A ``value`` below 0 tells a hit that is weaker than what
        a chunk costs; where room is short, leave it out, or ask with ``min_relevance``.

    Raises:
        BadInput: The budget or the penalty is out of range, or a hit is not among the chunks.

    Examples:
        >>> from rag_embed import Document
        >>> document = Document("d", "one two three four")
        >>> parts = [Chunk.of(document, 0, 3), Chunk.of(document, 4, 7), Chunk.of(document, 8, 18)]
        >>> found = [Hit(parts[2], 2.0, 0.9), Hit(parts[0], 1.0, 0.5)]
        >>> [best] = cover(found, {"d": parts}, 100, lambda _, start, end: end - start)
        >>> best.start, best.end, round(best.value, 2)
        (0, 18, 0.86)
    """
    budget = count("budget", budget)
    if not np.isfinite(penalty) or penalty < 0:
        raise BadInput(f"cover() needs a finite penalty >= 0, got {penalty}.")
    by_document: dict[str, list[Hit]] = {}
    for hit in hits:
        by_document.setdefault(hit.chunk.doc_id, []).append(hit)
    rank = {hit.id: i for i, hit in enumerate(hits)}
    found = [
        segment
        for doc_id, some in by_document.items()
        for segment in _covered(some, chunks.get(doc_id, ()), budget, length, penalty)
    ]
    return sorted(found, key=lambda one: (-round(one.value, 9), rank[one.hits[0].id]))


def best_run(
    values: npt.NDArray[np.float64], within: Callable[[int, int], bool]
) -> tuple[int, int] | None:
    """The run with the largest sum among those that are allowed; the first of the shortest of equals.

    A best run begins and ends with a positive value, so only those are looked at: with ``p`` of them
    it takes at most ``p * p / 2`` steps, however long the sequence.

    Args:
        values: ``(n,)``.
        within: Whether ``[first, last]`` is allowed; never true for a run around one it forbids.

    Returns:
        ``(first, last)``, both inclusive; None when no run with a positive sum is allowed.

    Examples:
        >>> best_run(np.array([2.0, -1.0, 3.0, -9.0, 1.0]), lambda first, last: True)
        (0, 2)
    """
    sums = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.flatnonzero(values > 0).tolist()
    best: tuple[float, int, int] | None = None
    for i, first in enumerate(ends):
        for last in ends[i:]:
            if not within(first, last):
                break
            key = (-round(float(sums[last + 1] - sums[first]), 9), last - first, first)
            if key[0] < 0 and (best is None or key < best):
                best = key
    return None if best is None else (best[2], best[2] + best[1])


def _covered(
    hits: Sequence[Hit],
    chunks: Sequence[Chunk],
    budget: int,
    length: Callable[[str, int, int], int],
    penalty: float,
) -> list[Passage]:
    """Passages of one document."""
    position = {chunk.id: i for i, chunk in enumerate(chunks)}
    missing = [hit.id for hit in hits if hit.id not in position]
    if missing:
        raise BadInput(f"Hit {missing[0]!r} is not among the chunks of its document.")
    found = {position[hit.id]: hit for hit in hits}
    values = np.full(len(chunks), -penalty)
    for i, hit in found.items():
        values[i] += hit.relevance

    def tokens(first: int, last: int) -> int:
        ends = (chunk.end for chunk in chunks[first : last + 1])
        return length(chunks[first].doc_id, chunks[first].start, max(ends))

    done: list[tuple[int, int]] = []
    free = [(0, len(chunks) - 1)]
    while free:
        start, end = free.pop()
        left = [i for i in found if start <= i <= end]
        if not left:
            continue
        run = best_run(
            values[start : end + 1],
            lambda a, b, s=start: a == b or tokens(s + a, s + b) <= budget,  # type: ignore[misc]
        )
        if run is None:  # no hit is worth its cost
            first = last = max(left, key=lambda i: (values[i], -i))
        else:
            first, last = run[0] + start, run[1] + start
        done.append((first, last))
        free += [(start, first - 1), (last + 1, end)]
    return [
        Passage(
            doc_id=chunks[first].doc_id,
            title=chunks[first].title,
            start=chunks[first].start,
            end=max(chunk.end for chunk in chunks[first : last + 1]),
            chunks=tuple(chunks[first : last + 1]),
            hits=tuple(hit for hit in hits if first <= position[hit.id] <= last),
            value=float(values[first : last + 1].sum()),
            tokens=tokens(first, last),
        )
        for first, last in done
    ]


def passages(
    view: View, hits: Sequence[Hit], budget: int, spans: Callable[[str], Spans]
) -> list[Passage]:
    """`cover` of hits, their documents read from the store.

    Args:
        view: The version that was searched, or a later one that still has the hits.
        hits: What was found, best first.
        budget: Tokens of a passage at most.
        spans: A text's tokens, see `protocols.Encoder.token_spans`.

    Raises:
        BadInput: The budget is out of range, or a hit is no longer in the store.
    """
    audiences = {hit.chunk.doc_id: hit.chunk.audience for hit in hits}
    ids = list(audiences)
    chunks = {  # others may read it than might when it was found: then it is no longer there
        id: [one for one in view.document_chunks(id) if one.audience == audiences[id]] for id in ids
    }
    texts = {one.id: one.text for one in view.documents(ids)}
    counts = {id: TokenCounts.of(spans(text)) for id, text in texts.items()}
    found = cover(hits, chunks, budget, lambda id, start, end: counts[id].between(start, end))
    return [replace(one, text=texts[one.doc_id][one.start : one.end]) for one in found]
