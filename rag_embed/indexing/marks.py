"""Which parts of a passage answer a question: the same words, words that mean alike, and where most are."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rag_embed.analysis import Analyzer
from rag_embed.chunking.sentences import sentence_starts
from rag_embed.ranking.token_matches import Heat, found_words

_RUN = re.compile(r"\w+")
_PAIRS = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
)
"""Scripts of which lexical search knows pairs of characters."""

_ALIKE = 0.4
"""Cosine of two words from which on they are shown to a person as alike."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A part of a text that is shown marked.

    Attributes:
        start: Offset of its first character.
        end: Offset after the last one.
        kind: ``"same"`` for a word of the question, ``"alike"`` for one that means alike.
        tip: What is said about it.
    """

    start: int
    end: int
    kind: str
    tip: str = ""


def marks(
    text: str, words: Sequence[str], analyzer: Analyzer, heat: Heat | None = None
) -> list[Mark]:
    """The marks of a passage, in order, none over another.

    Args:
        text: The passage.
        words: Words of the question that the passage holds too, as lexical search reads them.
        analyzer: Reads them.
        heat: What the tokens of the question found in it; None where that is not known.

    Examples:
        >>> marks("Parents stay.", ["parent"], Analyzer())
        [Mark(start=0, end=7, kind='same', tip='')]
    """
    same = _same(text, frozenset(words), analyzer) if words else []
    return sorted([*same, *(_alike(text, heat, same) if heat else [])], key=lambda one: one.start)


def window(text: str, marked: Sequence[Mark], most: int) -> tuple[int, int]:
    """The part of a long passage that answers: where the most different words are marked.

    It begins with a line or a sentence where one begins near by, and ends between two words.

    Args:
        text: The passage.
        marked: Its marks, in order.
        most: Characters that are shown at most; a passage that is a little longer is shown whole.

    Returns:
        Where it begins and ends.

    Examples:
        >>> text = "A word of welcome. " * 9 + "The tea is green. It is hot."
        >>> start, end = window(text, marks(text, ["green"], Analyzer()), 40)
        >>> text[start:end]
        'The tea is green. It is hot.'
    """
    if len(text) <= most * 1.2:
        return 0, len(text)
    before = most // 8
    opening = sorted({0, *sentence_starts(text), *(line.end() for line in re.finditer("\n", text))})

    def start_of(mark: Mark) -> int:
        """The last line or sentence that begins before a mark, near by; else a little before it."""
        at = bisect_right(opening, mark.start) - 1
        return opening[at] if mark.start - opening[at] <= most // 2 else mark.start - before

    def held(start: int) -> tuple[int, int]:
        some = [one for one in marked if start <= one.start and one.end <= start + most - before]
        return len({text[one.start : one.end].lower() for one in some}), len(some)

    starts = [0, *map(start_of, marked)]
    start = max(starts, key=lambda one: (*held(one), -one))
    end = min(len(text), start + most)
    if end < len(text):
        end = max(text.rfind(" ", start + most // 2, end), start + most // 2)
    return start, end


def within(marked: Sequence[Mark], start: int, end: int) -> list[Mark]:
    """The marks of a part of a text, their offsets counted from its start."""
    return [
        replace(one, start=one.start - start, end=one.end - start)
        for one in marked
        if start <= one.start and one.end <= end
    ]


def _same(text: str, words: frozenset[str], analyzer: Analyzer) -> list[Mark]:
    known: dict[str, bool] = {}
    found = []
    for run in _RUN.finditer(text):
        said = run[0]
        if _PAIRS.search(said):
            found += _pairs(said, run.start(), words)
            continue
        if said not in known:
            known[said] = not words.isdisjoint(analyzer.asked(said))
        if known[said]:
            found.append(Mark(run.start(), run.end(), "same"))
    return found


def _pairs(said: str, start: int, words: frozenset[str]) -> list[Mark]:
    """The longest stretches of a run that are made of pairs among the words."""
    found: list[Mark] = []
    for at in range(len(said)):
        if said[at : at + 2].lower() not in words:
            continue
        if found and start + at <= found[-1].end:
            found[-1] = Mark(found[-1].start, start + at + 2, "same")
        else:
            found.append(Mark(start + at, start + at + 2, "same"))
    return found


def _alike(text: str, heat: Heat, same: Sequence[Mark]) -> list[Mark]:
    """Words that the question's found by their meaning, without those that are the same."""
    if not heat.text.endswith(text):
        return []
    before = len(heat.text) - len(text)
    taken = [(one.start, one.end) for one in same]
    found = []
    for match in found_words(heat):
        start, end = match.start - before, match.end - before
        free = all(end <= low or high <= start for low, high in taken)
        if match.similarity >= _ALIKE and start >= 0 and free and match.found.isalnum():
            taken.append((start, end))
            found.append(Mark(start, end, "alike", f"like “{match.word}”, {match.similarity:.2f}"))
    return found
