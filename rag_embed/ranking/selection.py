"""Which of a query's candidates become hits: relevance, diversity, documents, texts.

Candidates come in blocks, best first, and every block is settled before the next one is read. So no
choice depends on how many hits are wanted: fewer are a prefix of more, whatever the query asks for.

A chunk that no leg has among its first ones can score above the last of an earlier block, which is settled
by then. It stays behind, and counts as much as that one: its score is lowered, by thousandths, and a part
`BEHIND` says by how much. So scores fall from hit to hit unless diversity decides.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from rag_embed.analysis import Analyzer
from rag_embed.maths.diversity import mmr
from rag_embed.maths.vectors import DIGITS
from rag_embed.protocols import View
from rag_embed.ranking.answering import Answering
from rag_embed.ranking.fusion import Scored
from rag_embed.ranking.grouping import Groups, texts_in
from rag_embed.types import Hit, Part, Query, Route, Vectors

BEHIND = "behind"
"""Name of the part of a hit that counts less, since the hits before it were settled first."""

_EQUAL = 2 * 10.0**-DIGITS
"""Scores that differ by no more are in the order of their ids."""

Rows = Callable[[Sequence[str]], Vectors]
"""Unit rows of chunks, by id."""


class Selection:
    """The hits of one query, block by block.

    - ``min_relevance``: further blocks are read as long as the second half of the last one held a hit.
    - ``diversity``: a block is put in order by maximal marginal relevance among its own and all hits
      before it.
    - ``group_by``: the siblings of a document or text are those of the block in which it is found.

    Args:
        query: What is asked.
        relevance: Of a candidate.
        rows: For diversity; None keeps the order.
        view: Where texts are read, for ``group_by="text"``.

    Attributes:
        groups: The hits so far, each with its siblings behind it; maybe more than ``query.k``.
        done: Whether there are enough, or no more.
    """

    def __init__(
        self,
        query: Query,
        relevance: Callable[[Scored], float],
        rows: Rows | None,
        view: View,
    ) -> None:
        self.groups: list[list[Scored]] = []
        self.done = False
        self._query = query
        self._relevance = relevance
        self._rows = rows
        self._seen: set[str] = set()
        self._groups = Groups(query.group_by, texts_in(view))
        self._before: list[Vectors] = []
        self._last = math.inf

    def take(self, ranked: Sequence[Scored], pool: int, exhausted: bool) -> None:
        """Read the next block.

        Args:
            ranked: Candidates, best first; those of earlier blocks among them are passed over.
            pool: All blocks together hold at most so many.
            exhausted: Whether a larger pool would hold no others.
        """
        new = [one for one in ranked if one.id not in self._seen]
        block = new[: pool - len(self._seen)]
        self._seen.update(one.id for one in block)
        passing = [one for one in block if self._passes(one)]
        order = self._diverse if self._query.diversity else self._falling
        self.groups += self._groups.take(order(passing))
        fades = not any(map(self._passes, block[len(block) // 2 :]))
        self.done = len(self.groups) >= self._query.k or fades or (exhausted and block == new)

    def _passes(self, one: Scored) -> bool:
        least = self._query.min_relevance
        return not least or self._relevance(one) >= least

    def _falling(self, block: list[Scored]) -> list[Scored]:
        found = []
        for one in block:
            if (over := one.score - self._last) > _EQUAL:
                part = Part(BEHIND, -over, -over, 1.0)
                one = replace(one, score=self._last, said=partial(_and, one.said, part))
            self._last = min(self._last, one.score)
            found.append(one)
        return found

    def _diverse(self, block: list[Scored]) -> list[Scored]:
        if self._rows is None or not block:
            return block
        rows = self._rows([one.id for one in block])
        before = np.concatenate(self._before) if self._before else None
        scores = np.array([one.score for one in block])
        self._before.append(rows)
        order = mmr(scores, rows, self._query.diversity, len(block), before)
        return [block[i] for i in order]


def _and(said: Callable[[str], tuple[Part, ...]], part: Part, id: str) -> tuple[Part, ...]:
    """What was said about a chunk, and one part more."""
    return (*said(id), part)


def hits_of(
    view: View,
    queries: Sequence[Query],
    routes: Sequence[Route | None],
    chosen: Sequence[list[list[Scored]]],
    relevance: Callable[[Scored], float],
    analyzer: Analyzer,
) -> list[list[Hit]]:
    """Chosen groups as hits, the chunks of all read at once; a group's first is the hit.

    Args:
        view: The version that was searched.
        queries: What was asked.
        routes: Of each query.
        chosen: Of each query.
        relevance: What is said of one that was chosen.
        analyzer: Reads words, to see which sentence of several pages answers.
    """
    wanted = {one.id for groups in chosen for group in groups for one in group}
    chunks = {chunk.id: chunk for chunk in view.chunks(sorted(wanted))}
    answers = [Answering(query.text, analyzer) for query in queries]
    return [
        [
            Hit(
                chunk=chunks[group[0].id],
                score=group[0].score,
                relevance=relevance(group[0]),
                parts=group[0].parts,
                siblings=tuple(chunks[one.id] for one in group[1:]),
                route=route,
                at=answering.at(chunks[group[0].id]),
            )
            for group in groups
        ]
        for groups, route, answering in zip(chosen, routes, answers, strict=True)
    ]
