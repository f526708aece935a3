"""Lexical evidence of one version: the full-text index, and owned chunks beside it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from lancedb.expr import Expr
from lancedb.query import MatchQuery

from rag_embed.analysis import Analyzer
from rag_embed.filters import Filter
from rag_embed.maths.vectors import first
from rag_embed.processes import PerProcess
from rag_embed.stores.private_bm25 import Owned, OwnedInMemory, OwnedOnDisk
from rag_embed.stores.snapshot import Snapshot, narrowed
from rag_embed.types import Scores

TIES = 32
"""Rows asked for beyond ``n``, so that copies of one text at the edge are ordered by id."""

FEW = 1000
"""Chunk ids that a search is given as a filter; of more, it finds more and drops some."""

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

    def find(
        self, texts: Sequence[str], n: int, where: Filter | None
    ) -> list[tuple[list[str], Scores]]:
        """See `protocols.View.lexical`; the filter is resolved, ``n`` at most the number of chunks."""
        found = self._shared(texts, n, where)
        if not self.snapshot.private:
            return found
        return [
            first([*ids, *mine], np.concatenate([scores, own]), n)
            for (ids, scores), (mine, own) in zip(
                found, self._owned.find(texts, where), strict=True
            )
        ]

    @cached_property
    def _owned(self) -> Owned:
        resident = self.snapshot.resident
        if resident is None:
            return OwnedOnDisk(self.snapshot, self.analyzer, self._holders)
        return OwnedInMemory(self.snapshot, resident, self.analyzer, self._holders)

    def _holders(self, said: str) -> pa.Table:
        return self._full_text(said, None, len(self.snapshot), "_rowid")

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

    def _full_text(self, text: str, condition: Expr | None, limit: int, column: str = "id") -> Any:  # noqa: ANN401
        search = self.snapshot.table.search(MatchQuery(text, "lexical_text"), query_type="fts")
        search = narrowed(search, condition).select([column, "_score"])
        return self.snapshot.read(search.limit(max(limit, 1)))
