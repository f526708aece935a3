"""Legs: sources of evidence that score chunks for a query. Fusion is in `hybrid`.

A leg answers a batch of queries in two ways: its own best chunks, and its true score for chunks
that another leg found. Both can be normalised to a scale where weights of legs have a meaning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from rag_embed.filters import Filter, field
from rag_embed.protocols import ChunkEncoder, View
from rag_embed.types import Query, Scores, Vectors

Z_SCALE = 8.0
"""A dense hit 8 standard deviations above its corpus counts as much as the best lexical hit."""


class Answers(Protocol):
    """What one leg says about a batch of queries."""

    def top(self, where: Sequence[Filter | None], n: int) -> list[tuple[list[str], Scores]]:
        """Per query: ids and raw scores of its ``n`` best chunks."""
        ...

    def score(self, ids: Sequence[Sequence[str]]) -> list[Scores]:
        """Per query: raw scores of the given chunks."""
        ...

    def normalise(self, query: int, raw: Scores) -> Scores:
        """Raw scores of one query on the common scale. Call after `top`."""
        ...


class Leg(Protocol):
    """A source of evidence. Implementations: `DenseLeg`, `LexicalLeg`."""

    @property
    def name(self) -> str:
        """Shown in explanations, and the key of its weight."""
        ...

    def ask(self, view: View, queries: Sequence[Query]) -> Answers:
        """Prepare a batch of queries, encoding each once."""
        ...


@dataclass(frozen=True, slots=True)
class DenseLeg:
    """Cosine in one space, normalised to ``z / 8`` against the whole corpus (see `maths.moments`).

    The z-score keeps how *sure* the space is of a query: where nothing stands out it stays small,
    and the lexical leg decides.
    """

    name: str
    encoder: ChunkEncoder

    def ask(self, view: View, queries: Sequence[Query]) -> DenseAnswers:
        """See `Leg`."""
        return DenseAnswers(self.name, view, self.encoder.encode_query([q.text for q in queries]))


@dataclass(frozen=True, slots=True, eq=False)
class DenseAnswers:
    """Answers of a `DenseLeg`."""

    space: str
    view: View
    rows: Vectors

    def top(self, where: Sequence[Filter | None], n: int) -> list[tuple[list[str], Scores]]:
        """See `Answers`; queries with the same filter are one search."""
        found: dict[int, tuple[list[str], Scores]] = {}
        for shared, members in _grouped(where):
            answers = self.view.nearest(self.space, self.rows[members], n, shared)
            found |= dict(zip(members, answers, strict=True))
        return [found[i] for i in range(len(where))]

    def score(self, ids: Sequence[Sequence[str]]) -> list[Scores]:
        """See `Answers`."""
        distinct = list(dict.fromkeys(id for some in ids for id in some))
        position = {id: i for i, id in enumerate(distinct)}
        vectors = self.view.vectors(self.space, distinct)
        return [
            vectors[[position[id] for id in some]] @ row
            for some, row in zip(ids, self.rows, strict=True)
        ]

    def normalise(self, query: int, raw: Scores) -> Scores:
        """See `Answers`."""
        z = self.view.moments(self.space).z(self.rows[query], raw)
        return (z / Z_SCALE).astype(np.float32)


@dataclass(frozen=True, slots=True)
class LexicalLeg:
    """BM25, normalised by the best score that the query reaches; its minimum is 0 anyway."""

    name: str = "lexical"

    def ask(self, view: View, queries: Sequence[Query]) -> LexicalAnswers:
        """See `Leg`."""
        return LexicalAnswers(view, [query.text for query in queries], [0.0] * len(queries))


@dataclass(frozen=True, slots=True, eq=False)
class LexicalAnswers:
    """Answers of a `LexicalLeg`; ``best`` holds each query's highest score once `top` ran."""

    view: View
    texts: list[str]
    best: list[float]

    def top(self, where: Sequence[Filter | None], n: int) -> list[tuple[list[str], Scores]]:
        """See `Answers`."""
        found: dict[int, tuple[list[str], Scores]] = {}
        for shared, members in _grouped(where):
            answers = self.view.lexical([self.texts[i] for i in members], n, shared)
            found |= dict(zip(members, answers, strict=True))
        for i in range(len(where)):
            self.best[i] = max(self.best[i], float(found[i][1].max(initial=0.0)))
        return [found[i] for i in range(len(where))]

    def score(self, ids: Sequence[Sequence[str]]) -> list[Scores]:
        """See `Answers`."""
        return [self._score(text, some) for text, some in zip(self.texts, ids, strict=True)]

    def _score(self, text: str, ids: Sequence[str]) -> Scores:
        if not ids:
            return np.empty(0, np.float32)
        [(found, scores)] = self.view.lexical([text], len(ids), field("id").is_in(list(ids)))
        known = dict(zip(found, scores.tolist(), strict=True))
        return np.array([known.get(id, 0.0) for id in ids], dtype=np.float32)

    def normalise(self, query: int, raw: Scores) -> Scores:
        """See `Answers`."""
        return (raw / self.best[query]).astype(np.float32) if self.best[query] else raw


def _grouped(where: Sequence[Filter | None]) -> list[tuple[Filter | None, list[int]]]:
    groups: dict[Filter | None, list[int]] = {}
    for i, shared in enumerate(where):
        groups.setdefault(shared, []).append(i)
    return list(groups.items())
