"""Which sentence of a chunk answers, where that decides what is cited: a chunk may span several pages.

By words alone, so that no text is encoded. A word counts the less the more of the chunk's pages have it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from rag_embed.analysis import Analyzer
from rag_embed.chunking.sentences import sentence_starts
from rag_embed.types import Chunk, Hit
from rag_embed.types.pages import breaks_in

_EQUAL = 1e-9


@dataclass(slots=True)
class Answering:
    """Finds the sentence of a chunk that answers a query.

    Attributes:
        text: The query.
        analyzer: Reads words.

    Examples:
        >>> from rag_embed import Document
        >>> pages = {"page_starts": [0, 19], "page_kind": "page"}
        >>> document = Document("d", "E16 means no paper. E17 means no ink.", metadata=pages)
        >>> chunk = Chunk.of(document, 0, 37)
        >>> Answering("What does E17 mean?", Analyzer()).at(chunk)
        20
        >>> Answering("What does it mean?", Analyzer()).at(chunk)
    """

    text: str
    analyzer: Analyzer
    _asked: frozenset[str] | None = field(default=None, init=False)

    def at(self, chunk: Chunk) -> int | None:
        """Offset in the document of the sentence; None of a chunk on one page, and where no page stands out."""
        breaks = breaks_in(chunk.metadata, chunk.start, chunk.end)
        if not breaks:
            return None
        if self._asked is None:
            self._asked = frozenset(self.analyzer.asked(self.text))
        if not self._asked:
            return None
        pages = [
            self._sentences(chunk, start, end)
            for start, end in zip([chunk.start, *breaks], [*breaks, chunk.end], strict=True)
        ]
        on = Counter(word for page in pages for word in {w for _, held in page for w in held})
        best = sorted(
            max(((sum(1 / on[word] for word in held), -start) for start, held in page))
            for page in pages
            if page
        )
        if not best or (len(best) > 1 and best[-1][0] - best[-2][0] < _EQUAL):
            return None
        return -best[-1][1]

    def _sentences(self, chunk: Chunk, start: int, end: int) -> list[tuple[int, frozenset[str]]]:
        """Where the sentences of a page start, and which words of the query each has; those with any."""
        text = chunk.text[start - chunk.start : end - chunk.start]
        starts = [0, *sentence_starts(text)]
        asked = self._asked or frozenset()
        found = []
        for first, last in zip(starts, [*starts[1:], len(text)], strict=True):
            said = text[first:last]
            if held := asked.intersection(self.analyzer.words(said)):
                found.append((start + first + len(said) - len(said.lstrip()), held))
        return found


def place_in(hit: Hit, passage: Chunk) -> int | None:
    """Where a passage that a hit is in answers: the hit's sentence, or the hit itself if it is on one page."""
    if hit.at is not None or not breaks_in(passage.metadata, passage.start, passage.end):
        return hit.at
    chunk = hit.chunk
    if breaks_in(chunk.metadata, chunk.start, chunk.end):
        return None
    return chunk.start + len(chunk.text) - len(chunk.text.lstrip())
