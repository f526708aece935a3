"""Lexical evidence of owned chunks.

The full-text index holds shared chunks only. What it counts (how many texts hold a word, how long texts
are) enters every score, and would tell one user of another's texts. Owned texts are few for each
owner: they are scored here, with the shared texts beside them, and leave no trace in a search index.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock

import numpy as np
import pyarrow.compute as pc
from lancedb.expr import col

from rag_embed.filters import Filter
from rag_embed.maths.bm25 import Counts, Postings
from rag_embed.stores.judging import remembered
from rag_embed.stores.schema import WORDS
from rag_embed.stores.snapshot import OWNED, Snapshot
from rag_embed.types import Scores

Found = tuple[list[str], Scores]

_OWNERS = 256
"""Owners whose postings are kept."""


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """One owner's chunks.

    Attributes:
        position: Chunk id -> text.
        postings: Of the texts.
    """

    position: Mapping[str, int]
    postings: Postings


@dataclass(eq=False)
class OwnedOnDisk:
    """Owned chunks of an index that is too large for memory: read from each version anew.

    Attributes:
        snapshot: The version.
        holders: In how many shared chunks a word occurs, by the full-text index.
    """

    snapshot: Snapshot
    holders: Callable[[str], int]
    _known: dict[str, Texts] = field(default_factory=dict)
    _holding: dict[str, int] = field(default_factory=dict)
    _allowed: dict[Filter | None, dict[str, list[str]]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def find(self, queries: Sequence[Sequence[str]], where: Filter | None, /) -> list[Found]:
        """For each query, chunks that share a word with it and pass a resolved filter; their BM25."""
        allowed = remembered(self._allowed, where, lambda: self._by_owner(where))
        with self._lock:
            self._load(list(allowed))
            return [self._scores(words, allowed) for words in queries]

    def _by_owner(self, where: Filter | None) -> dict[str, list[str]]:
        """Owner -> chunks that pass."""
        condition = self.snapshot.condition(where)
        passing = OWNED if condition is None else condition & OWNED
        search = self.snapshot.table.search().where(passing).select(["id", "user_id"])
        found = self.snapshot.read(search)
        owners: dict[str, list[str]] = {}
        for id, owner in zip(*(column.to_pylist() for column in found.columns), strict=True):
            owners.setdefault(owner, []).append(id)
        return owners

    def _scores(self, words: Sequence[str], allowed: Mapping[str, Sequence[str]]) -> Found:
        beside = self._beside(words)
        ids: list[str] = []
        found = [np.empty(0, np.float32)]
        for owner, some in allowed.items():
            texts = self._known[owner]
            rows = np.array([texts.position[id] for id in some], dtype=np.intp)
            counts = beside.plus(texts.postings.counts(words))
            scores = texts.postings.scores(words, counts)[rows]
            ids += [id for id, score in zip(some, scores, strict=True) if score > 0]
            found.append(scores[scores > 0])
        return ids, np.concatenate(found)

    def _load(self, owners: Sequence[str]) -> None:
        """Read the chunks of these owners, where that has not been done."""
        lacking = [owner for owner in owners if owner not in self._known]
        if not lacking:
            return
        if len(self._known) + len(lacking) > _OWNERS:
            self._known.clear()
            lacking = list(owners)
        texts: dict[str, tuple[list[str], list[list[str]]]] = {one: ([], []) for one in lacking}
        search = self.snapshot.table.search().where(col("user_id").isin(lacking))
        table = self.snapshot.read(search.select(["id", "user_id", WORDS[1]]))
        for id, owner, text in zip(*(one.to_pylist() for one in table.columns), strict=True):
            texts[owner][0].append(id)
            texts[owner][1].append((text or "").split())
        for owner, (ids, words) in texts.items():
            position = {id: i for i, id in enumerate(ids)}
            self._known[owner] = Texts(position, Postings.of(words))

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
