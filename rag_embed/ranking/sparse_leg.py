"""A leg that weighs terms: learned sparse retrieval (SPLADE; Formal et al. 2021)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from rag_embed.errors import BadInput
from rag_embed.filters import Filter
from rag_embed.protocols import SparseQueryEncoder, View
from rag_embed.ranking.legs import grouped
from rag_embed.types import Query, Scores, SparseVector


@dataclass(frozen=True, slots=True)
class SparseLeg:
    """Dot products in a sparse space, normalised by the best that the query reaches, as BM25 is.

    Attributes:
        name: Shown in explanations, and the key of its weight.
        encoder: Weighs the terms of queries.
        sparse_space: Where the weights of the chunks are.
    """

    name: str
    encoder: SparseQueryEncoder
    sparse_space: str

    def ask(self, view: View, queries: Sequence[Query], /) -> SparseAnswers:
        """See `protocols.Leg`; a query without a text weighs nothing.

        Raises:
            BadInput: The encoder does not give one vector per text, or one that is none.
        """
        texts = [query.text for query in queries if query.text.strip()]
        rows = self.encoder.encode_query(texts)
        if len(rows) != len(texts) or not all(row.is_whole for row in rows):
            raise BadInput(
                f"The encoder of the leg {self.name!r} must give one vector for each of {len(texts)} "
                "queries, with distinct terms >= 0 in ascending order and finite weights above 0; check it."
            )
        made = iter(rows)
        nothing = SparseVector.of(np.zeros(0))
        found = [next(made) if query.text.strip() else nothing for query in queries]
        return SparseAnswers(self.sparse_space, view, found)


@dataclass(frozen=True, slots=True, eq=False)
class SparseAnswers:
    """Answers of a `SparseLeg`."""

    space: str
    view: View
    asked: list[SparseVector]
    best: dict[int, float] = field(default_factory=dict)

    def top(self, where: Sequence[Filter | None], n: int, /) -> list[tuple[list[str], Scores]]:
        """See `protocols.Answers`; queries with the same filter are one search."""
        found: dict[int, tuple[list[str], Scores]] = {}
        for shared, members in grouped(where):
            answers = self.view.weighed(self.space, [self.asked[i] for i in members], n, shared)
            found |= dict(zip(members, answers, strict=True))
        self.best.update((i, float(scores.max(initial=0.0))) for i, (_, scores) in found.items())
        return [found[i] for i in range(len(where))]

    def score(self, ids: Sequence[Sequence[str]], /) -> list[Scores]:
        """See `protocols.Answers`."""
        return self.view.weighed_scores(self.space, self.asked, ids)

    def normalise(self, query: int, raw: Scores, /) -> Scores:
        """See `protocols.Answers`."""
        return raw / self.best[query] if self.best[query] else raw
