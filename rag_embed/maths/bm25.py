"""BM25 over postings held in memory: the definition that the full-text index must reproduce.

    score(q, d) = sum over words w of q:  idf(w) * tf * (k1 + 1) / (tf + norm(d))
    norm(d)     = k1 * (1 - b + b * |d| / average |d|)
    idf(w)      = ln(1 + (N - n_w + 0.5) / (n_w + 0.5))

Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009), with the
never-negative idf of Lucene. A text without words is none: it is not among the N, nor in the average.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

K1 = 1.2
B = 0.75


def idf(
    count: int | npt.NDArray[np.int64], n: npt.NDArray[np.number] | np.float64
) -> npt.NDArray[np.float64]:
    """Rarity of words that ``n`` of ``count`` texts hold; never negative.

    Examples:
        >>> round(float(idf(9, np.float64(0))), 2)
        3.0
    """
    rarity: npt.NDArray[np.float64] = np.log1p((count - n + 0.5) / (n + 0.5))
    return rarity


def ceiling(count: int, words: int) -> float:
    """Score of a text that alone holds each of ``words`` words, and says them without end.

    Args:
        count: How many texts there are, >= 1.
        words: How many words the query has.

    Examples:
        >>> round(ceiling(1000, 2), 1)
        28.6
    """
    return float(words * (K1 + 1) * idf(count, np.float64(1)))


@dataclass(frozen=True, slots=True)
class Counts:
    """What BM25 must know of a set of texts.

    Attributes:
        count: How many texts that have words.
        length: Words in all of them.
        holding: In how many texts a word occurs; words that are not named occur in none.
    """

    count: int
    length: float
    holding: Mapping[str, int]

    @property
    def mean_length(self) -> float:
        """Words a text; 1 when there is none."""
        return self.length / self.count if self.count else 1.0

    def plus(self, other: Counts) -> Counts:
        """Of both sets of texts together.

        Examples:
            >>> Counts(1, 2.0, {"fox": 1}).plus(Counts(2, 5.0, {"fox": 1, "tea": 2})).holding
            {'fox': 2, 'tea': 2}
        """
        holding = Counter(self.holding) + Counter(other.holding)
        return Counts(self.count + other.count, self.length + other.length, dict(holding))


@dataclass(frozen=True, slots=True, eq=False)
class Postings:
    """Which texts hold which word, and how often.

    Attributes:
        words: word -> (positions of the texts, term frequencies), both ``(n_w,)``.
        lengths: ``(n,)`` float64 number of words of each text.
    """

    words: dict[str, tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]]
    lengths: npt.NDArray[np.float64]

    @classmethod
    def of(cls, texts: Sequence[Sequence[str]]) -> Postings:
        """Count the words of analysed texts."""
        found: dict[str, tuple[list[int], list[int]]] = {}
        for position, words in enumerate(texts):
            for word, count in Counter(words).items():
                positions, counts = found.setdefault(word, ([], []))
                positions.append(position)
                counts.append(count)
        packed = {
            word: (np.array(positions, dtype=np.intp), np.array(counts, dtype=np.float64))
            for word, (positions, counts) in found.items()
        }
        return cls(packed, np.array([len(words) for words in texts], dtype=np.float64))

    def plus(self, other: Postings) -> Postings:
        """Of these texts and then the others.

        Examples:
            >>> both = Postings.of([["fox"]]).plus(Postings.of([["red", "fox"]]))
            >>> both.words["fox"][0].tolist()
            [0, 1]
        """
        words = dict(self.words)
        for word, (where, tf) in other.words.items():
            where = where + len(self.lengths)
            if word in words:
                where = np.concatenate([words[word][0], where])
                tf = np.concatenate([words[word][1], tf])
            words[word] = where, tf
        return Postings(words, np.concatenate([self.lengths, other.lengths]))

    def scores(self, query: Sequence[str], counts: Counts | None = None) -> npt.NDArray[np.float32]:
        """BM25 of every text for an analysed query; 0 where no word is shared.

        Args:
            query: Words.
            counts: What rarity and mean length are judged by; these texts alone by default.

        Examples:
            >>> postings = Postings.of([["red", "fox"], ["blue", "fox"]])
            >>> [round(float(score), 3) for score in postings.scores(["red"])]
            [0.693, 0.0]
        """
        known = self.counts(query) if counts is None else counts
        total = np.zeros(len(self.lengths))
        for word in query:
            if word not in self.words:
                continue
            where, tf = self.words[word]
            rarity = idf(known.count, np.float64(known.holding.get(word, 0)))
            norm = K1 * (1 - B + B * self.lengths[where] / known.mean_length)
            total[where] += rarity * tf * (K1 + 1) / (tf + norm)
        return total.astype(np.float32)

    def counts(self, words: Sequence[str], some: npt.NDArray[np.bool_] | None = None) -> Counts:
        """What BM25 must know of these texts, for a query of ``words``.

        Args:
            words: Words.
            some: ``(n,)`` which of the texts count; all by default.
        """
        said = self.lengths > 0
        mask = said if some is None else some & said
        found = {word: self.words[word][0] for word in words if word in self.words}
        holding = {word: int(np.count_nonzero(mask[where])) for word, where in found.items()}
        length = float(self.lengths[mask].sum())
        return Counts(int(np.count_nonzero(mask)), length, holding)
