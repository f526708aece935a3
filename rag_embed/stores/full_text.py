"""Lexical evidence of an index that is too large for memory: a full-text index, private chunks beside it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from lancedb.expr import Expr
from lancedb.index import FTS
from lancedb.query import MatchQuery

from rag_embed.analysis import Analyzer
from rag_embed.filters import Filter, field
from rag_embed.maths.vectors import first
from rag_embed.processes import PerProcess
from rag_embed.stores.private_bm25 import OwnedOnDisk
from rag_embed.stores.schema import WORDS
from rag_embed.stores.snapshot import Snapshot, narrowed
from rag_embed.stores.stored_words import FEW, holding_of
from rag_embed.types import Scores

TIES = 32
"""Rows asked for beyond ``n``, so that copies of one text at the edge are ordered by id."""

SPACES = FTS(
    base_tokenizer="whitespace",
    max_token_length=None,
    lower_case=False,
    stem=False,
    remove_stop_words=False,
    ascii_folding=False,
)
"""An index of words that `Analyzer` has cut: it splits at spaces and changes nothing."""

_THREADS = PerProcess(
    partial(ThreadPoolExecutor, min(4, os.cpu_count() or 1), thread_name_prefix="lance")
)


@dataclass(eq=False)
class FullText:
    """Lexical evidence of one version, asked of the full-text index.

    Rows that came since the last upkeep are found by a scan, and their scores are a few per cent off.

    Attributes:
        snapshot: The chunks.
        analyzer: Settings of lexical search.
    """

    snapshot: Snapshot
    analyzer: Analyzer

    def find(
        self, texts: Sequence[str], n: int, where: Filter | None, /
    ) -> list[tuple[list[str], Scores]]:
        """See `lexical.Lexical`."""
        queries = [self.analyzer.asked(text) for text in texts]
        found = self._shared(queries, n, where)
        if not self.snapshot.private:
            return found
        return [
            first([*ids, *mine], np.concatenate([scores, own]), n)
            for (ids, scores), (mine, own) in zip(
                found, self._owned.find(queries, where), strict=True
            )
        ]

    def scores(self, texts: Sequence[str], ids: Sequence[Sequence[str]], /) -> list[Scores]:
        """See `lexical.Lexical`."""
        return [self._scores(text, some) for text, some in zip(texts, ids, strict=True)]

    def holding(self, words: Sequence[str], ids: Sequence[str], /) -> npt.NDArray[np.bool_]:
        """See `lexical.Lexical`."""
        return holding_of(self.snapshot, words, ids)

    def _scores(self, text: str, ids: Sequence[str]) -> Scores:
        among = self.snapshot.resolved(field("id").is_in(list(ids)))
        [(found, scores)] = self.find([text], len(ids), among)
        known = dict(zip(found, scores.tolist(), strict=True))
        return np.array([known.get(id, 0.0) for id in ids], dtype=np.float32)

    @cached_property
    def _owned(self) -> OwnedOnDisk:
        return OwnedOnDisk(self.snapshot, self._holders)

    def _holders(self, word: str) -> int:
        search = self._search([word], None).select(["_rowid", "_score"])
        return len(self.snapshot.read(search.limit(max(len(self.snapshot), 1))))

    def _shared(
        self, queries: Sequence[Sequence[str]], n: int, where: Filter | None
    ) -> list[tuple[list[str], Scores]]:
        judged = self.snapshot.judged(where)
        many = None if judged is None or len(judged) <= FEW else pa.array(judged)
        condition = self.snapshot.condition(where) if many is None else None
        most = len(self.snapshot)

        def one(words: Sequence[str]) -> tuple[list[str], Scores]:
            if n == 0 or not words:
                return [], np.empty(0, np.float32)
            found = self._full_text(words, condition, min(most, n + TIES) if many is None else most)
            if many is not None:
                found = found.filter(pc.is_in(found["id"], many))
            return first(found["id"].to_pylist(), found["_score"].to_numpy(), n)

        return list(_THREADS.get().map(one, queries))

    def _full_text(self, words: Sequence[str], condition: Expr | None, limit: int) -> pa.Table:
        return self.snapshot.found(self._search(words, condition).limit(max(limit, 1)), "_score")

    def _search(self, words: Sequence[str], condition: Expr | None) -> Any:  # noqa: ANN401
        match = MatchQuery(" ".join(words), WORDS[0])
        return narrowed(self.snapshot.table.search(match, query_type="fts"), condition)
