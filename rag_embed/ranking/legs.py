"""The legs of an index: cosine and BM25. What makes a leg is in `protocols`; fusion is in `fusion`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from rag_embed.errors import BadInput
from rag_embed.filters import Filter
from rag_embed.maths.bm25 import ceiling
from rag_embed.maths.vectors import unit
from rag_embed.protocols import QueryEncoder, View
from rag_embed.types import DENSE, LEXICAL, Principal, Query, Scores, TokenRows, Vectors

Z_EQUAL = 4.8
"""A cosine so many standard deviations above its corpus counts as much as the best lexical hit."""

_POWER = 1.5

Read = Callable[[Sequence[str]], tuple[Vectors, list[TokenRows]]]

FOR_LONG = 0.1
"""What the logarithm of a query's number of words adds to the share of them that a chunk holds."""

REACHED, FOR_BEST = 0.25, 100.0
"""The best lexical score that a query is expected to reach in a large corpus, as a share of
`maths.bm25.ceiling`; and among how many chunks it counts a quarter. Chosen as the constants of
`maths.moments`."""


@dataclass(frozen=True, slots=True)
class DenseLeg:
    """Cosine in one space, normalised to how surprising it is in its corpus.

    ``sign(z) * |z / 4.8|^1.5`` with ``z`` against the whole corpus (see `maths.moments`). It keeps
    how *sure* the space is of a query: where nothing stands out it stays small, and the lexical leg
    decides; what stands out far counts more than in proportion. Power and scale were chosen on
    one document-disjoint half of nine public sets, ``python -m benchmarks quality`` reports on the other.

    Several encoders can search one space, each a leg with a name of its own: documents are encoded
    once, an expert is another way to encode the query. A vector in `Query.vectors` is for the leg it
    names alone; the others over the same space encode the text.

    Attributes:
        name: Shown in explanations, and the key of its weight.
        encoder: Encodes queries; ``None`` where every query brings its own vector. The tokens that a
            `protocols.TokenReader` reads on the way are kept for a second stage.
        space: Where the chunks' vectors are.
    """

    name: str
    encoder: QueryEncoder | None
    space: str = DENSE

    def ask(self, view: View, queries: Sequence[Query], /) -> DenseAnswers:
        """See `protocols.Leg`.

        Raises:
            BadInput: A query's own vector does not fit, or there is neither vector nor encoder.
        """
        dim = view.moments(self.space).mean.size
        rows = np.empty((len(queries), dim), np.float32)
        given = [i for i, query in enumerate(queries) if self.name in query.vectors]
        if given:
            rows[given] = unit(np.stack([self._given(queries[i], dim) for i in given]))
        encoded = sorted(set(range(len(queries))) - set(given))
        tokens: dict[str, TokenRows] = {}
        if encoded:
            rows[encoded] = self._encoded([queries[i].text for i in encoded], dim, tokens)
        return DenseAnswers(self.space, view, rows, [query.principal for query in queries], tokens)

    def _given(self, query: Query, dim: int) -> Vectors:
        row = np.asarray(query.vectors[self.name], dtype=np.float32)
        if row.shape != (dim,) or not np.isfinite(row).all():
            raise BadInput(
                f"Leg {self.name!r}: expected a finite query vector of shape {(dim,)}, "
                f"got shape {row.shape}. Was it made by the model of this leg?"
            )
        return row

    def _encoded(self, texts: list[str], dim: int, tokens: dict[str, TokenRows]) -> Vectors:
        if self.encoder is None:
            raise BadInput(f"Leg {self.name!r} has no encoder: give Query.vectors[{self.name!r}].")
        if not all(text.strip() for text in texts):
            raise BadInput(f"A query has neither a text nor a vector for leg {self.name!r}.")
        read_query: Read | None = getattr(self.encoder, "read_query", None)  # a `TokenReader`
        if read_query is not None:
            found, read = read_query(texts)
            tokens.update(zip(texts, read, strict=True))
        else:
            found = self.encoder.encode_query(texts)
        if found.shape != (len(texts), dim):
            raise BadInput(
                f"Leg {self.name!r} made query vectors of shape {found.shape}; space {self.space!r} "
                f"has {dim} dimensions. An expert must be made of the model that the space is of."
            )
        return found


@dataclass(frozen=True, slots=True, eq=False)
class DenseAnswers:
    """Answers of a `DenseLeg`; `protocols.VectorAnswers` and `protocols.TokensRead`."""

    space: str
    view: View
    rows: Vectors
    asking: list[Principal]
    tokens: Mapping[str, TokenRows]

    def top(self, where: Sequence[Filter | None], n: int, /) -> list[tuple[list[str], Scores]]:
        """See `protocols.Answers`; queries with the same filter are one search."""
        found: dict[int, tuple[list[str], Scores]] = {}
        for shared, members in grouped(where):
            answers = self.view.nearest(self.space, self.rows[members], n, shared)
            found |= dict(zip(members, answers, strict=True))
        return [found[i] for i in range(len(where))]

    def score(self, ids: Sequence[Sequence[str]], /) -> list[Scores]:
        """See `protocols.Answers`."""
        distinct = list(dict.fromkeys(id for some in ids for id in some))
        position = {id: i for i, id in enumerate(distinct)}
        vectors = self.view.vectors(self.space, distinct)
        return [
            vectors[[position[id] for id in some]] @ row
            for some, row in zip(ids, self.rows, strict=True)
        ]

    def normalise(self, query: int, raw: Scores, /) -> Scores:
        """See `protocols.Answers`."""
        z = self.view.moments(self.space, self.asking[query]).z(self.rows[query], raw)
        surprise: Scores = (np.sign(z) * np.abs(z / Z_EQUAL) ** _POWER).astype(np.float32)
        return surprise


@dataclass(frozen=True, slots=True)
class LexicalLeg:
    """BM25, normalised by the best score that the query reaches; its minimum is 0 anyway.

    The best of a handful of chunks may share no more than a chance word with the query. What a query
    of so many words is expected to reach in a large corpus counts beside it, the less the more
    chunks there are.
    """

    name: str = LEXICAL

    def ask(self, view: View, queries: Sequence[Query], /) -> LexicalAnswers:
        """See `protocols.Leg`."""
        asking = [query.principal for query in queries]
        return LexicalAnswers(view, [query.text for query in queries], asking)


@dataclass(frozen=True, slots=True, eq=False)
class LexicalAnswers:
    """Answers of a `LexicalLeg`."""

    view: View
    texts: list[str]
    asking: list[Principal]
    best: dict[int, float] = field(default_factory=dict)
    most: dict[int, tuple[int, float]] = field(default_factory=dict)

    def top(self, where: Sequence[Filter | None], n: int, /) -> list[tuple[list[str], Scores]]:
        """See `protocols.Answers`."""
        found: dict[int, tuple[list[str], Scores]] = {}
        for shared, members in grouped(where):
            answers = self.view.lexical([self.texts[i] for i in members], n, shared)
            found |= dict(zip(members, answers, strict=True))
        self.best.update((i, float(scores.max(initial=0.0))) for i, (_, scores) in found.items())
        return [found[i] for i in range(len(where))]

    def score(self, ids: Sequence[Sequence[str]], /) -> list[Scores]:
        """See `protocols.Answers`."""
        return self.view.lexical_scores(self.texts, ids)

    def normalise(self, query: int, raw: Scores, /) -> Scores:
        """See `protocols.Answers`."""
        best = self.best[query]
        if not best:
            return raw
        count, most = self._most(query)
        lacking = max(REACHED * most - best, 0.0)
        return (raw / (best + lacking * (FOR_BEST / (count + FOR_BEST)) ** 2)).astype(np.float32)

    def levels(self, query: int, ids: Sequence[str], /) -> Scores:
        """See `protocols.LevelledAnswers`: the share of the query's words that a chunk holds.

        In the language in which it holds most, and a little more for every word that was asked: half of
        eight words tell more than one of two. Nothing but query and chunk is in it, so it is the same in
        every corpus.
        """
        known = np.zeros(len(ids), dtype=np.float32)
        readings = self.view.analyzer.readings(self.texts[query])
        held = self.view.holding([word for words in readings for word in words], ids)
        start = 0
        for words in readings:
            count = len(words)
            share = held[start : start + count].mean(axis=0)
            known = np.maximum(known, share + FOR_LONG * math.log(count), dtype=np.float32)
            start += count
        return known

    def _most(self, query: int) -> tuple[int, float]:
        """How many chunks the query could find, and the score that none of them can exceed."""
        if query not in self.most:
            count = self.view.count(self.asking[query])
            words = len(self.view.analyzer.words(self.texts[query]))
            self.most[query] = count, ceiling(count, words) if count else 0.0
        return self.most[query]


def grouped(where: Sequence[Filter | None]) -> list[tuple[Filter | None, list[int]]]:
    """Which queries share a filter."""
    groups: dict[Filter | None, list[int]] = {}
    for i, shared in enumerate(where):
        groups.setdefault(shared, []).append(i)
    return list(groups.items())
