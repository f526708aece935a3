"""Lexical evidence of chunks that are not for everybody.

The full-text index holds shared chunks only. What it counts (how many texts hold a word, how long texts
are) enters every score, and would tell one user of another's texts. Texts of one audience are few:
they are scored here, with the shared texts beside them, and leave no trace in a search index.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import TypeAlias

import numpy as np
import pyarrow.compute as pc
from lancedb.expr import Expr, col

from rag_embed.fields import READERS
from rag_embed.filters import Filter
from rag_embed.maths.bm25 import Counts, Postings
from rag_embed.stores.expressions import balanced
from rag_embed.stores.judging import remembered
from rag_embed.stores.roster import BASE, whose
from rag_embed.stores.schema import WORDS
from rag_embed.stores.snapshot import PRIVATE, Snapshot
from rag_embed.types import Scores

Found = tuple[list[str], Scores]

Whose: TypeAlias = tuple[str | None, str]
"""An audience as it is stored: the owner, and the groups."""

_AUDIENCES = 256
"""Audiences whose postings are kept."""


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """The chunks of one audience.

    Attributes:
        position: Chunk id -> text.
        postings: Of the texts.
    """

    position: Mapping[str, int]
    postings: Postings


@dataclass(eq=False)
class OwnedOnDisk:
    """Private chunks of an index that is too large for memory: read from each version anew.

    Attributes:
        snapshot: The version.
        holders: In how many shared chunks a word occurs, by the full-text index.
    """

    snapshot: Snapshot
    holders: Callable[[str], int]
    _known: dict[Whose, Texts] = field(default_factory=dict)
    _holding: dict[str, int] = field(default_factory=dict)
    _allowed: dict[Filter | None, dict[Whose, list[str]]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def find(self, queries: Sequence[Sequence[str]], where: Filter | None, /) -> list[Found]:
        """For each query, chunks that share a word with it and pass a resolved filter; their BM25."""
        allowed = remembered(self._allowed, where, lambda: self._by_audience(where))
        with self._lock:
            self._load(list(allowed))
            return [self._scores(words, allowed) for words in queries]

    def _by_audience(self, where: Filter | None) -> dict[Whose, list[str]]:
        """Audience -> chunks that pass."""
        condition = self.snapshot.condition(where)
        passing = PRIVATE if condition is None else condition & PRIVATE
        found = self.snapshot.read(self.snapshot.table.search().where(passing).select(list(BASE)))
        audiences: dict[Whose, list[str]] = {}
        for id, one in zip(found["id"].to_pylist(), zip(*whose(found), strict=True), strict=True):
            audiences.setdefault(one, []).append(id)
        return audiences

    def _scores(self, words: Sequence[str], allowed: Mapping[Whose, Sequence[str]]) -> Found:
        beside = self._beside(words)
        ids: list[str] = []
        found = [np.empty(0, np.float32)]
        for audience, some in allowed.items():
            texts = self._known[audience]
            rows = np.array([texts.position[id] for id in some], dtype=np.intp)
            counts = beside.plus(texts.postings.counts(words))
            scores = texts.postings.scores(words, counts)[rows]
            ids += [id for id, score in zip(some, scores, strict=True) if score > 0]
            found.append(scores[scores > 0])
        return ids, np.concatenate(found)

    def _load(self, audiences: Sequence[Whose]) -> None:
        """Read the chunks of these audiences, where that has not been done."""
        lacking = [one for one in audiences if one not in self._known]
        if not lacking:
            return
        if len(self._known) + len(lacking) > _AUDIENCES:
            self._known.clear()
            lacking = list(audiences)
        texts: dict[Whose, tuple[list[str], list[list[str]]]] = {one: ([], []) for one in lacking}
        owners = [user for user, _ in lacking if user is not None]
        groups = [readers for _, readers in lacking if readers]
        of_them = [col("user_id").isin(owners)] * bool(owners)
        of_them += [col(READERS).isin(groups)] * bool(groups)
        search = self.snapshot.table.search().where(balanced(of_them, Expr.__or__, False))
        table = self.snapshot.read(search.select([*BASE, WORDS[1]]))
        columns = (
            table["id"].to_pylist(),
            zip(*whose(table), strict=True),
            table[WORDS[1]].to_pylist(),
        )
        for id, one, text in zip(*columns, strict=True):
            if one in texts:
                texts[one][0].append(id)
                texts[one][1].append((text or "").split())
        for audience, (ids, words) in texts.items():
            position = {id: i for i, id in enumerate(ids)}
            self._known[audience] = Texts(position, Postings.of(words))

    def _beside(self, words: Sequence[str]) -> Counts:
        """What BM25 of owned chunks must know of the shared ones."""
        for word in words:
            if word not in self._holding:
                self._holding[word] = self.holders(word)
        count, length = self._lengths
        return Counts(count, length, {word: self._holding[word] for word in words})

    @cached_property
    def _lengths(self) -> tuple[int, int]:
        """Number of shared chunks with words, and of all their words."""
        count = length = 0
        for table in self.snapshot.stream([WORDS[0]]):
            words = pc.count_substring(table[WORDS[0]], " ")
            count += pc.sum(pc.greater(words, 0)).as_py() or 0
            length += pc.sum(words).as_py() or 0
        return count, length
