"""Lexical evidence of one version: the full-text index, and owned chunks beside it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property, partial
from threading import Lock
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from lancedb.expr import Expr, col
from lancedb.query import MatchQuery

from rag_embed.analysis import Analyzer
from rag_embed.filters import Filter
from rag_embed.maths.bm25 import Counts
from rag_embed.maths.vectors import first
from rag_embed.processes import PerProcess
from rag_embed.stores.judging import remembered
from rag_embed.stores.private_bm25 import Owned
from rag_embed.stores.snapshot import OWNED, SHARED, Snapshot, narrowed
from rag_embed.types import Scores

TIES = 32
"""Rows asked for beyond ``n``, so that copies of one text at the edge are ordered by id."""

FEW = 1000
"""Chunk ids that a search is given as a filter; of more, it finds more and drops some."""

_SAMPLE = 4096
"""Shared chunks whose words are counted for the mean length of a text."""

_THREADS = PerProcess(
    partial(ThreadPoolExecutor, min(4, os.cpu_count() or 1), thread_name_prefix="lance")
)


@dataclass(eq=False)
class Words:
    """Finds chunks by their words.

    Attributes:
        snapshot: The chunks.
        analyzer: Settings of lexical search.
    """

    snapshot: Snapshot
    analyzer: Analyzer
    _holding: dict[str, int] = field(default_factory=dict)
    _owners: dict[Filter | None, dict[str, list[str]]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def find(
        self, texts: Sequence[str], n: int, where: Filter | None
    ) -> list[tuple[list[str], Scores]]:
        """See `protocols.View.lexical`; the filter is resolved, ``n`` at most the number of chunks."""
        found = self._shared(texts, n, where)
        if not self.snapshot.private:
            return found
        allowed = remembered(self._owners, where, lambda: self._owned_by(where))
        if not allowed:
            return found
        with self._lock:
            self._owned.load(list(allowed))
            owned = [self._owned.scores(text, allowed, self._beside(text)) for text in texts]
        return [
            first([*ids, *mine], np.concatenate([scores, own]), n)
            for (ids, scores), (mine, own) in zip(found, owned, strict=True)
        ]

    def _shared(
        self, texts: Sequence[str], n: int, where: Filter | None
    ) -> list[tuple[list[str], Scores]]:
        judged = self.snapshot.judged(where)
        many = None if judged is None or len(judged) <= FEW else pa.array(judged)
        condition = self.snapshot.condition(where) if many is None else None
        most = len(self.snapshot)

        def one(text: str) -> tuple[list[str], Scores]:
            if n == 0 or not text.strip():
                return [], np.empty(0, np.float32)
            found = self._full_text(text, condition, min(most, n + TIES) if many is None else most)
            if many is not None:
                found = found.filter(pc.is_in(found["id"], many))
            return first(found["id"].to_pylist(), found["_score"].to_numpy(), n)

        return list(_THREADS.get().map(one, texts))

    def _full_text(self, text: str, condition: Expr | None, limit: int) -> Any:  # noqa: ANN401
        search = self.snapshot.table.search(MatchQuery(text, "lexical_text"), query_type="fts")
        search = narrowed(search, condition).select(["id", "_score"])
        return self.snapshot.read(search.limit(max(limit, 1)))

    def _owned_by(self, where: Filter | None) -> dict[str, list[str]]:
        """Owner -> chunks that pass."""
        condition = self.snapshot.condition(where)
        passing = OWNED if condition is None else condition & OWNED
        search = self.snapshot.table.search().where(passing).select(["id", "user_id"])
        found = self.snapshot.read(search)
        owners: dict[str, list[str]] = {}
        for id, owner in zip(*(column.to_pylist() for column in found.columns), strict=True):
            owners.setdefault(owner, []).append(id)
        return owners

    @cached_property
    def _owned(self) -> Owned:
        def read(owners: Sequence[str]) -> pa.Table:
            search = self.snapshot.table.search().where(col("user_id").isin(list(owners)))
            return self.snapshot.read(search.select(["id", "user_id", "private_text"]))

        return Owned(self.analyzer, read)

    def _beside(self, text: str) -> Counts:
        """What BM25 of owned chunks must know of the shared ones."""
        pairs = self.analyzer.pairs(text)
        for said, word in pairs:
            if word not in self._holding:
                self._holding[word] = len(self._full_text(said, None, len(self.snapshot)))
        count, mean = self._lengths
        return Counts(count, mean, {word: self._holding[word] for _, word in pairs})

    @cached_property
    def _lengths(self) -> tuple[int, float]:
        """Number of shared chunks, and their mean length in words, over `_SAMPLE` of them."""
        texts = self.snapshot.evenly(_SAMPLE, "lexical_text", SHARED)["lexical_text"].to_pylist()
        lengths = [len(self.analyzer.words(text)) for text in texts]
        return self.snapshot.count(SHARED), float(np.mean(lengths)) if lengths else 0.0
