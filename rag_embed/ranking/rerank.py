"""Re-ranking: the best hits of any retriever are scored again by something slower and more careful.

`Reranked` wraps a retriever and is one itself, so it nests. What scores is a `protocols.Reranker`:
a cross-encoder (`rag_embed.encoders.CrossEncoderReranker`), a multi-vector model
(`ranking.multivector`), or any function (`ranking.rerankers`).
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from rag_embed.arguments import check_calls, check_is, is_number, set_counts
from rag_embed.encoders.adapter_card import trained
from rag_embed.encoders.precision import Precision
from rag_embed.errors import BadInput
from rag_embed.maths.diversity import mmr
from rag_embed.maths.vectors import DIGITS
from rag_embed.protocols import Reranker, Retriever, Store
from rag_embed.ranking.excerpts import Excerpts
from rag_embed.ranking.grouping import Groups
from rag_embed.ranking.phrases import quoted_first
from rag_embed.ranking.rerankers import checked
from rag_embed.stores.rereading import with_view
from rag_embed.types import DENSE, PHRASE, Hit, Part, Query, Scores, Vectors, check_queries

RERANK = "rerank"
"""Name of this evidence in explanations."""

DEPTH = 40
"""Hits that are scored again, whatever ``k`` is."""

Rows = Callable[[Sequence[str]], Vectors]
"""Unit rows of chunks, by id."""


def stored_rows(store: Store, space: str = DENSE) -> Rows:
    """The rows a store keeps of its chunks, for `Reranked.rows`."""
    return partial(_rows, check_is("store", store, Store), space)


def _rows(store: Store, space: str, ids: Sequence[str]) -> Vectors:
    return with_view(store, lambda view: view.vectors(space, ids))


@dataclass(frozen=True, slots=True)
class Reranked:
    """A `protocols.Retriever` whose best hits are put in the order of a re-ranker.

    The retriever is asked for ``max(depth, k)`` chunks; the first ``depth`` of them are scored again
    and stay before the others, which keep their order. So ``k`` changes neither what is scored nor
    any place, and fewer hits are a prefix of more. What a `Query` asks for keeps its meaning:

    - ``where``, ``user``, ``vectors`` and ``min_relevance`` go to the retriever: whatever they keep
      out is never scored. ``relevance`` stays the retriever's own, calibrated one.
    - ``group_by``: chunks are scored, then each document or text is shown at its best chunk. Where
      that leaves fewer than ``k`` of them, the retriever is asked for more chunks. Siblings are
      chunks that were scored again, so that they do not depend on ``k`` either.
    - ``diversity``: maximal marginal relevance on the new scores, among the chunks that were scored
      again; needs `rows`.

    A query without text (only vectors) leaves a re-ranker nothing to read and keeps its order.

    Each hit that was scored again gets a `Part` with what the re-ranker said: ``raw``, and
    ``normalised``: with ``spread`` the best of the query has 1 and the worst 0 (1 for all, if all
    are equal), without it ``raw`` counts as it is. Parts still add up to ``score``: without a
    ``weight`` the re-ranker decides alone, all other parts count 0, except that what holds a phrase in
    quotes stays first; with one, ``weight * normalised`` is added to the retriever's score. Equal
    scores keep the retriever's order. Where the lowest of those that were scored is below 0, the others
    count as much as it, so that scores fall from hit to hit.

    Attributes:
        retriever: Finds the candidates.
        reranker: Scores them again.
        depth: How many of them, >= 1.
        weight: How much the re-ranker counts beside the retriever, > 0; None for alone. The best
            lexical hit of the default mixture has 0.5.
        spread: Whether scores are spread over [0, 1] for each query; False for a re-ranker whose
            scores have a meaning across queries, such as `personal.affinity.Affinity`.
        rows: Unit rows of chunks by id, for queries that ask for diversity: `stored_rows`.
        name: Of the part; give two re-rankers that are nested two names.

    Raises:
        BadInput: ``depth`` or ``weight`` is out of range, or a part is none.

    Examples:
        >>> from rag_embed import Document, Index
        >>> from rag_embed.encoders import HashEncoder
        >>> from rag_embed.ranking.rerankers import FunctionReranker
        >>> index = Index.in_memory(encoder=HashEncoder())
        >>> index.add([Document("a", "A red fox."), Document("b", "A red, red fox.")]).added
        2
        >>> shortest = FunctionReranker(lambda query, texts: [-len(text) for text in texts])
        >>> [hit.id for hit in Reranked(index.retriever, shortest).retrieve([Query("red fox")])[0]]
        ['a#0-10', 'b#0-15']
    """

    retriever: Retriever
    reranker: Reranker
    depth: int = DEPTH
    weight: float | None = None
    spread: bool = True
    rows: Rows | None = None
    name: str = RERANK

    @classmethod
    def by(
        cls,
        retriever: Retriever,
        model: str | os.PathLike[str],
        *,
        rows: Rows | None = None,
        device: str | None = None,
        precision: Precision = "auto",
    ) -> Reranked:
        """A retriever, and a cross-encoder behind it by its name or folder.

        One that `training.train_reranker` wrote has the depth and weight that it was measured with, and reads
        as much of a chunk. Any other decides alone and reads all.

        Args:
            retriever: Finds the candidates.
            model: See `encoders.load_reranker`.
            rows: For queries that ask for diversity.
            device: Ask for torch on this device.
            precision: Ask for OpenVINO in this precision.

        Raises:
            BadInput: It is no name and no folder; or training wrote no model there, since it was no better.
            ModelUnavailable: The model cannot be loaded, or is no cross-encoder with one score.
        """
        from rag_embed.encoders import load_reranker

        if not isinstance(model, str | os.PathLike) or not os.fspath(model):
            raise BadInput(
                f"model is the name or the folder of a cross-encoder, got {model!r}; a re-ranker that is made "
                "already goes into Reranked(retriever, reranker)."
            )
        name = os.fspath(model)
        told = trained(name)
        loaded = load_reranker(name, device=device, precision=precision)
        if told is None:
            return cls(retriever, loaded, rows=rows)
        reads = Excerpts(loaded, told["characters"])
        return cls(retriever, reads, told["depth"], told["weight"], spread=False, rows=rows)

    def __post_init__(self) -> None:
        check_is("Reranked.retriever", self.retriever, Retriever)
        check_is("Reranked.reranker", self.reranker, Reranker)
        if self.rows is not None:
            check_calls("Reranked.rows", self.rows)
        set_counts(self, 1, "depth")
        weight = self.weight
        if weight is not None and not (is_number(weight) and 0.0 < weight < math.inf):
            raise BadInput(f"Reranked.weight must be a number > 0, or None, got {self.weight!r}.")

    def retrieve(self, queries: Sequence[Query], /) -> list[list[Hit]]:
        """See `protocols.Retriever`; the re-ranker is called once per query.

        Raises:
            BadInput: A query asks for diversity and there are no `rows`; the re-ranker did not
                give one finite score per hit.
        """
        check_queries(queries)
        for query in queries:
            if query.diversity and self.rows is None:
                raise BadInput(
                    "A re-ranked query asks for diversity, which needs the chunks' vectors: "
                    "Reranked(..., rows=stored_rows(index.store)), or leave diversity out."
                )
        wanted = [max(self.depth, query.k) if query.k else 0 for query in queries]
        found = self._found(queries, wanted)
        said = [self._said(q, some[: self.depth]) for q, some in zip(queries, found, strict=True)]
        while short := [
            i
            for i, query in enumerate(queries)
            if query.group_by != "chunk"
            and len(found[i]) == wanted[i]
            and len(_grouped(query, found[i])) < query.k
        ]:
            for i in short:
                wanted[i] *= 4
            more = self._found([queries[i] for i in short], [wanted[i] for i in short])
            for i, some in zip(short, more, strict=True):
                found[i] = some
        return [
            self._shown(query, self._ordered(query, some, raw))
            for query, some, raw in zip(queries, found, said, strict=True)
        ]

    def _found(self, queries: Sequence[Query], wanted: Sequence[int]) -> list[list[Hit]]:
        return self.retriever.retrieve(
            [
                replace(query, k=k, group_by="chunk", diversity=0.0)
                for query, k in zip(queries, wanted, strict=True)
            ]
        )

    def _said(self, query: Query, hits: list[Hit]) -> Scores | None:
        """What the re-ranker says of some hits; None where it has nothing to say."""
        if not hits or not query.text.strip():
            return None
        raw = self.reranker.rerank(query, hits)
        return None if raw is None else checked(self.reranker, raw, len(hits))

    def _ordered(self, query: Query, hits: list[Hit], raw: Scores | None) -> list[Hit]:
        """The first hits in their new order, the others behind them."""
        if raw is not None:
            normalised = _spread(raw) if self.spread else raw
            widest = (self.weight or 1.0) * float(normalised.max() - normalised.min())
            hits = quoted_first(hits, self.depth, widest)
        first, behind = hits[: self.depth], hits[self.depth :]
        if raw is not None:
            first = [self._scored(*one) for one in zip(first, raw, normalised, strict=True)]
            lowest = int(normalised.argmin())
            below = normalised[lowest] < 0
            behind = [
                self._scored(hit, raw[lowest], normalised[lowest]) if below else self._before(hit)
                for hit in behind
            ]
        scores = np.round([hit.score for hit in first], DIGITS)
        order = np.argsort(-scores, kind="stable") if raw is not None else np.arange(len(first))
        if query.diversity and self.rows is not None and first:
            rows = self.rows([first[i].id for i in order])
            order = order[mmr(scores[order], rows, query.diversity, len(first))]
        return [first[i] for i in order] + behind

    def _scored(self, hit: Hit, raw: float, normalised: float) -> Hit:
        part = Part(self.name, float(raw), float(normalised), self.weight or 1.0)
        before = self._before(hit)
        return replace(before, score=before.score + part.contribution, parts=(*before.parts, part))

    def _before(self, hit: Hit) -> Hit:
        """What the retriever's own evidence counts: phrases alone where the re-ranker decides alone."""
        if self.weight is not None:
            return hit
        parts = tuple(p if p.leg == PHRASE else replace(p, weight=0.0) for p in hit.parts)
        return replace(hit, score=sum((p.contribution for p in parts), 0.0), parts=parts)

    def _shown(self, query: Query, ranked: list[Hit]) -> list[Hit]:
        if query.group_by == "chunk":
            return ranked[: query.k]
        looked_at = {hit.id for hit in ranked[: self.depth]}
        return [
            replace(best, siblings=tuple(hit.chunk for hit in others if hit.id in looked_at))
            for best, *others in _grouped(query, ranked)[: query.k]
        ]


def _grouped(query: Query, ranked: Sequence[Hit]) -> list[list[Hit]]:
    return Groups(query.group_by, lambda _: [hit.text for hit in ranked]).take(ranked)


def _spread(raw: Scores) -> Scores:
    """From 0 for the worst to 1 for the best; all 1 where all are equal."""
    width = float(raw.max()) - float(raw.min())
    if width <= 0.0:
        return np.ones_like(raw)
    spread: Scores = ((raw - raw.min()) / np.float32(width)).astype(np.float32)
    return spread
