"""A cheap summariser that picks sentences, to situate chunks without a language model."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from itertools import pairwise
from threading import Lock
from typing import Any

from rag_embed.analysis import Analyzer
from rag_embed.arguments import count
from rag_embed.chunking.sentences import sentence_starts
from rag_embed.processes import PerProcess
from rag_embed.situated.described import Writer
from rag_embed.types import Chunk, Document

_LONGEST = 400
"""Characters of a sentence that a summary may hold: longer ones are tables, code and lists."""


def summarise(text: str, sentences: int, analyzer: Analyzer | None = None) -> str:
    """The sentences whose words are the most frequent of the text, in reading order.

    SumBasic (Nenkova and Vanderwende, 2005): a sentence scores the mean probability of its words,
    and words already told count the square of theirs from then on.

    Args:
        text: Any text; lines count as sentences of their own.
        sentences: How many at most, >= 1.
        analyzer: What a word is; English by default.

    Examples:
        >>> summarise("Foxes hunt mice. It rained. Foxes and mice hunt at night.", 1)
        'Foxes hunt mice.'
    """
    sentences = count("sentences", sentences)
    parts = list(dict.fromkeys(_sentences(text)))
    words = [(analyzer or Analyzer()).words(part) for part in parts]
    total = sum(map(len, words))
    counts = Counter(word for some in words for word in some)
    probability = {word: count / total for word, count in counts.items()}
    left = [i for i, some in enumerate(words) if some and len(parts[i]) <= _LONGEST]
    chosen: list[int] = []
    while left and len(chosen) < sentences:
        best = max(left, key=lambda i: (_mean(probability, words[i]), -i))
        left.remove(best)
        chosen.append(best)
        for word in set(words[best]):
            probability[word] **= 2
    return " ".join(parts[i] for i in sorted(chosen))


def summary(sentences: int = 2, *, analyzer: Analyzer | None = None) -> Writer:
    """A writer for `described.described`: the summary of a chunk's document.

    It costs about a millisecond a page, and every chunk of a document gets the same, which is made
    once however many threads ask for it.

    Args:
        sentences: How many, >= 1.
        analyzer: Language of the documents; English by default.

    Examples:
        >>> document = Document("d", "Foxes hunt mice. It rained. Foxes and mice hunt at night.")
        >>> summary(1)(document, Chunk.of(document, 17, 27))
        'Foxes hunt mice.'
    """
    return _Summary(count("sentences", sentences), analyzer)


class _Summary:
    """Writes the same context for all chunks of a document."""

    def __init__(self, sentences: int, analyzer: Analyzer | None) -> None:
        self._settings = sentences, analyzer
        self._turn = PerProcess(Lock)

        @lru_cache(maxsize=16)  # the chunks of a document come one after the other
        def of(text: str) -> str:
            return summarise(text, sentences, analyzer)

        self._of = of

    def __reduce__(self) -> tuple[Any, ...]:
        return _Summary, self._settings

    def __call__(self, document: Document, chunk: Chunk) -> str:
        with self._turn.get():
            return self._of(document.text)


def _sentences(text: str) -> list[str]:
    found = []
    for line in text.splitlines():
        starts = [0, *sentence_starts(line), len(line)]
        parts = (line[a:b].strip() for a, b in pairwise(starts))
        found += [part for part in parts if part]
    return found


def _mean(probability: dict[str, float], words: list[str]) -> float:
    return sum(probability[word] for word in words) / len(words)
