"""Chunks of any number that are like real ones: texts by a model of word pairs, vectors of a real spread.

Words follow each other as in the documentation of Python's standard library, with a made-up name among forty,
so that the vocabulary goes on growing. Vectors have a topic, a section of five chunks, and what is the chunk's
own, in directions whose weight falls as those of real embeddings do. The first chunks of a corpus are
those of a smaller one.
"""

from __future__ import annotations

import ast
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from pydoc_data import topics

import numpy as np
import numpy.typing as npt

from rag_embed.maths.vectors import unit
from rag_embed.types import TokenRows, Vectors

Ints = npt.NDArray[np.int64]

DIM, BATCH, TOPICS, SECTION = 384, 10_000, 1000, 5
SHORTEST, LONGEST = 40, 120
"""Words of a chunk."""

NAMES, ONE_IN = 500_000, 40
"""Made-up names, drawn by Zipf's law; one word in so many is one."""

TOKENS = 30_000
"""Entries of the vocabulary of tokens: words share them."""

FALL, TOPIC, SHARED = 0.42, 0.62, 0.42
"""How the weight of directions falls, and how much topic and section make of a vector; real texts decided."""

NEAR = 0.75
"""How much of a query's vector is its chunk's."""

SHARES = 1000
"""Values of the field that filters name."""


def documentation() -> list[str]:
    """Docstrings of the standard library, and the topics of ``help``."""
    found = [*topics.topics.values()]
    library = Path(sysconfig.get_path("stdlib"))
    for file in sorted([*library.glob("*.py"), *library.glob("[a-z]*/*.py")]):
        if file.parts[-2] in ("test", "idlelib", "site-packages"):
            continue
        for node in ast.walk(ast.parse(file.read_bytes())):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                found.append(ast.get_docstring(node) or "")
    return found


def name(number: int) -> str:
    """A word that nobody has said."""
    letters = ""
    while number or len(letters) < 4:
        number, one = divmod(number, 70)
        letters += "bdfghjklmnprst"[one % 14] + "aeiou"[one // 14]
    return letters


@dataclass(frozen=True, eq=False)
class Part:
    """Some chunks of a corpus.

    Attributes:
        first: Number of the first one.
        words: Of each chunk.
        vectors: ``(n, dim)`` unit rows.
        shares: ``(n,)`` the value of the field that filters name.
    """

    first: int
    words: list[Ints]
    vectors: Vectors
    shares: Ints


@dataclass(eq=False)
class Corpus:
    """Chunks by their numbers.

    Attributes:
        vocabulary: Words, and behind them names.
    """

    vocabulary: npt.NDArray[np.object_] = field(init=False)

    def __post_init__(self) -> None:
        said = [word for text in documentation() for word in text.split()]
        known, self._said = np.unique(said, return_inverse=True)
        self._words = len(known)
        names = [name(number) for number in range(NAMES)]
        self.vocabulary = np.array([*known.tolist(), *names], dtype=object)
        order = np.argsort(self._said[:-1], kind="stable")
        self._places = order  # of each word in turn: those after which another follows
        counts = np.bincount(self._said[:-1], minlength=self._words)
        self._starts = np.append(0, np.cumsum(counts))
        chance = 1 / np.arange(1, NAMES + 1)
        self._chance = np.cumsum(chance / chance.sum())
        random = np.random.default_rng(0)
        self._weights = (np.arange(1, DIM + 1) ** -FALL).astype(np.float32)
        self._weights /= np.sqrt((self._weights**2).sum())
        self._axes = np.linalg.qr(random.standard_normal((DIM, DIM)))[0].astype(np.float32)
        self._topics = self._spread(TOPICS, random)
        popular = np.arange(1, TOPICS + 1) ** -0.7
        self._popular = np.cumsum(popular / popular.sum())
        self._tokens = random.standard_normal((TOKENS, DIM), dtype=np.float32)

    def parts(self, count: int) -> Iterator[Part]:
        """The first so many chunks."""
        for first in range(0, count, BATCH):
            yield self.part(first, min(BATCH, count - first))

    def part(self, first: int, count: int = BATCH) -> Part:
        """Chunks from a number on, a multiple of `BATCH`; at most so many."""
        random = np.random.default_rng((1, first))
        lengths = random.integers(SHORTEST, LONGEST + 1, BATCH)
        words = [row[:n] for row, n in zip(self._drawn(random), lengths.tolist(), strict=True)]
        topic = np.searchsorted(self._popular, random.random(BATCH // SECTION))
        section = TOPIC * self._topics[topic] + SHARED * self._spread(len(topic), random)
        own = (1 - TOPIC**2 - SHARED**2) ** 0.5 * self._spread(BATCH, random)
        rows = np.repeat(section, SECTION, axis=0) + own
        rows[:, 0] += 0.2  # vectors of models have a mean
        shares = random.integers(0, SHARES, BATCH)
        return Part(first, words[:count], unit(rows[:count] @ self._axes), shares[:count])

    def text(self, words: Ints) -> str:
        """What a chunk says."""
        return " ".join(self.vocabulary[words])

    def tokens(self, words: Ints, vector: npt.NDArray[np.float32]) -> TokenRows:
        """A token a word, which its word decides, and what it stands in; their rows have any length."""
        ids = words % TOKENS
        ends = np.cumsum([len(word) + 1 for word in self.vocabulary[words]])
        spans = np.stack([np.append(0, ends[:-1]), ends - 1], axis=1)
        rows = self._tokens[ids] + np.float32(DIM**0.5) * vector
        return TokenRows(ids.astype(np.int32), rows, spans)

    @cached_property
    def _asking(self) -> Part:
        return self.part(0)

    def queries(self, count: int) -> tuple[list[Ints], Vectors]:
        """Words and vectors of questions that some of the first chunks answer."""
        random, asking = np.random.default_rng(2), self._asking
        numbers = random.choice(BATCH, count, replace=False).tolist()
        words = []
        for number in numbers:
            said = asking.words[number]
            start = random.integers(0, len(said) - 5)
            words.append(np.append(said[start : start + 5], random.choice(said, 3)))
        noise = unit(self._spread(count, random) @ self._axes)
        rows = NEAR * asking.vectors[numbers] + (1 - NEAR**2) ** 0.5 * noise
        return words, unit(rows)

    def _drawn(self, random: np.random.Generator) -> Ints:
        """``(BATCH, LONGEST)`` words, each drawn among those that follow the one before."""
        drawn = np.empty((BATCH, LONGEST), dtype=np.int64)
        place = random.integers(0, len(self._said) - 1, BATCH)
        for column in drawn.T:
            word = self._said[place]
            column[:] = word
            start, end = self._starts[word], self._starts[word + 1]
            some = start + (random.random(BATCH) * (end - start)).astype(np.int64)
            place = self._places[np.minimum(some, len(self._places) - 1)] + 1
        named = random.random(drawn.shape) < 1 / ONE_IN
        numbers = np.searchsorted(self._chance, random.random(np.count_nonzero(named)))
        drawn[named] = self._words + np.minimum(numbers, NAMES - 1)
        return drawn

    def _spread(self, count: int, random: np.random.Generator) -> Vectors:
        return random.standard_normal((count, DIM), dtype=np.float32) * self._weights


def dimension(rows: Vectors, near: int = 20) -> float:
    """Intrinsic dimension by the distances of each row's nearest ones (Levina and Bickel, 2004); the median."""
    apart = np.sqrt(np.maximum(2 - 2 * rows @ rows.T, 1e-12))
    np.fill_diagonal(apart, np.inf)
    nearest = np.sort(apart, axis=1)[:, :near]
    return float(np.median(1 / np.mean(np.log(nearest[:, -1:] / nearest[:, :-1]), axis=1)))
