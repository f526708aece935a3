"""Excerpts: of a long text a re-ranker reads the sentences that are nearest to the query.

What a cross-encoder costs grows with what it reads, and most of a chunk answers other questions. Zou et al.,
Pre-trained Language Model based Ranking in Baidu Search (KDD 2021), algorithm 1, where words have learned
weights; here each word of the query counts the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from rag_embed.analysis import Analyzer
from rag_embed.arguments import check_is, set_counts
from rag_embed.chunking import sentence_starts
from rag_embed.protocols import Reranker
from rag_embed.types import Hit, Query, Scores

_DECAY = 0.5
"""What remains of a word's weight each time that a chosen sentence holds it."""

LONGEST = 320
"""Characters that are read of a chunk: some eighty tokens of English."""


def excerpt(
    text: str, asked: Sequence[str], words: Callable[[str], Sequence[str]], characters: int
) -> str:
    """The sentences of a text that are nearest to a query, in the order of the text.

    One after the other is taken, the one first that holds most words of the query that those before it lack;
    of equal ones the earlier. The first is taken whole, however long.

    Args:
        text: Any text.
        asked: Words of the query.
        words: Gives the words of a sentence, cut in the same way.
        characters: How long the excerpt may be, >= 1. A shorter text is given back as it is.

    Examples:
        >>> text = "Ships pay in advance. The harbour opens at six. It was built in 1904. It closes at ten."
        >>> excerpt(text, ["harbour", "closes"], lambda one: one.lower().strip(". ").split(), 50)
        'The harbour opens at six. It closes at ten.'
    """
    if len(text) <= characters:
        return text
    starts = [0, *sentence_starts(text)]
    sentences = [text[a:b].strip() for a, b in zip(starts, [*starts[1:], len(text)], strict=True)]
    weights = dict.fromkeys(asked, 1.0)
    held = [weights.keys() & set(words(one)) for one in sentences]
    chosen: list[int] = []
    left = characters
    while fitting := [
        i for i, one in enumerate(sentences) if i not in chosen and (len(one) <= left or not chosen)
    ]:
        best = max(fitting, key=lambda i: (sum(weights[word] for word in held[i]), -i))
        chosen.append(best)
        left -= len(sentences[best]) + 1
        for word in held[best]:
            weights[word] *= _DECAY
    return " ".join(sentences[i] for i in sorted(chosen))


@dataclass(frozen=True, slots=True)
class Excerpts:
    """A `protocols.Reranker` that hands on long chunks as `excerpt` cuts them; a hit keeps its id and the rest.

    Attributes:
        reranker: Reads them. One that goes by ids, such as `StoredMaxSimReranker`, is not affected.
        characters: How many are read of a chunk, >= 1; its title and headings come on top.
        analyzer: Cuts words.

    Raises:
        BadInput: ``characters`` is no count.

    Examples:
        >>> from rag_embed import Chunk, Document
        >>> from rag_embed.ranking import FunctionReranker
        >>> read = []
        >>> kept = FunctionReranker(lambda query, texts: read.extend(texts) or [0.0] * len(texts))
        >>> text = "Ships pay in advance. The harbour opens at six. It was built in 1904."
        >>> hit = Hit(Chunk.of(Document("d", text), 0, len(text)), 1.0, 0.5)
        >>> scores = Excerpts(kept, characters=30).rerank(Query("When do harbours open?"), [hit])
        >>> read
        ['The harbour opens at six.']
    """

    reranker: Reranker
    characters: int = LONGEST
    analyzer: Analyzer = field(default_factory=Analyzer)

    def __post_init__(self) -> None:
        check_is("Excerpts.reranker", self.reranker, Reranker)
        set_counts(self, 1, "characters")

    def rerank(self, query: Query, hits: Sequence[Hit], /) -> Scores | None:
        """See `protocols.Reranker`."""
        return self.reranker.rerank(query, self.cut(query, hits))

    def cut(self, query: Query, hits: Sequence[Hit]) -> list[Hit]:
        """What the re-ranker gets."""
        asked, words = self.analyzer.asked(query.text), self.analyzer.words
        return [
            replace(
                hit,
                chunk=replace(hit.chunk, text=excerpt(hit.text, asked, words, self.characters)),
            )
            for hit in hits
        ]
