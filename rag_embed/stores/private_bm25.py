"""Lexical evidence of owned chunks.

The full-text index holds shared chunks only. What it counts (how many texts hold a word, how long texts
are) enters every score, and would tell one user of another's texts. Owned texts are few for each
owner: they are scored here, with the shared texts beside them, and leave no trace in a search index.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from threading import Lock
from typing import Protocol

import numpy as np
import pyarrow as pa
from lancedb.expr import col, lit

from rag_embed.analysis import Analyzer
from rag_embed.filters import Filter
from rag_embed.maths.bm25 import Counts, Postings
from rag_embed.stores.judging import remembered
from rag_embed.stores.lexicon import SAMPLE, Lexicon
from rag_embed.stores.resident import Resident
from rag_embed.stores.roster import FEW, Mask, Numbers, Rows, row_numbers
from rag_embed.stores.snapshot import OWNED, SHARED, Snapshot
from rag_embed.types import Scores

Found = tuple[list[str], Scores]
Holders = Callable[[str], pa.Table]
"""The rows of the shared chunks that hold a word, by its spelling in a query."""

_OWNERS = 256
"""Owners whose postings are kept."""


class Owned(Protocol):
    """The owned chunks of one version."""

    def find(self, texts: Sequence[str], where: Filter | None, /) -> list[Found]:
        """For each text, chunks that share a word with it and pass a resolved filter; their BM25."""
        ...


@dataclass(eq=False)
class OwnedInMemory:
    """Owned chunks where all chunks have slots: a new version costs what changed.

    Attributes:
        snapshot: The version.
        resident: Its chunks.
        analyzer: Settings of lexical search.
        holders: Asks the full-text index.
    """

    snapshot: Snapshot
    resident: Resident
    analyzer: Analyzer
    holders: Holders
    _allowed: dict[Filter | None, dict[str, Mask]] = field(default_factory=dict)
    _holding: dict[str, int] = field(default_factory=dict)
    _shared: tuple[int, float] | None = None

    def find(self, texts: Sequence[str], where: Filter | None, /) -> list[Found]:
        """See `Owned`."""
        version, ids = self.resident, self.resident.roster.ids
        with version.roster.lock:
            allowed = remembered(self._allowed, where, lambda: self._by_owner(where))
            if not allowed:
                return [([], np.empty(0, np.float32)) for _ in texts]
            lexicon = version.filled("words", lambda: Lexicon(self.analyzer, version.live))
            found = []
            for text in texts:
                beside = self._beside(text, lexicon)
                words, parts = self.analyzer.words(text), []
                for owner, mask in allowed.items():
                    own = lexicon.texts(owner, version, partial(self._read, owner))
                    parts.append(own.scores(words, version.of(owner), mask, beside))
                slots = np.concatenate([slots for slots, _ in parts]).tolist()
                found.append(([ids[i] for i in slots], np.concatenate([one for _, one in parts])))
            return found

    def _beside(self, text: str, lexicon: Lexicon) -> Counts:
        """What BM25 of owned chunks must know of the shared ones."""
        version, pairs = self.resident, self.analyzer.pairs(text)
        if self._shared is None:
            self._shared = lexicon.length(version)
        for said, word in pairs:
            if word not in self._holding:
                find = partial(self._numbers, said)
                self._holding[word] = lexicon.holding(word, version, find)
        count, mean = self._shared
        return Counts(count, count * mean, {word: self._holding[word] for _, word in pairs})

    def _by_owner(self, where: Filter | None) -> dict[str, Mask]:
        """Owner -> slots that pass, as a mask."""
        version = self.resident
        passing = version.live if where is None else self.snapshot.mask(where, version)
        return {owner: passing & version.of(owner) for owner in version.owners(passing)}

    def _numbers(self, said: str) -> Numbers:
        return row_numbers(self.holders(said))

    def _read(self, owner: str, slots: Rows) -> pa.Table:
        if len(slots) <= FEW:
            return self.snapshot.at(self.resident.roster.numbers[slots], ["private_text"])
        table = self.snapshot.scan(["private_text"], col("user_id") == lit(owner))
        return table.filter(np.isin(row_numbers(table), self.resident.roster.numbers[slots]))


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
        analyzer: Settings of lexical search.
        holders: Asks the full-text index.
    """

    snapshot: Snapshot
    analyzer: Analyzer
    holders: Holders
    _known: dict[str, Texts] = field(default_factory=dict)
    _holding: dict[str, int] = field(default_factory=dict)
    _allowed: dict[Filter | None, dict[str, list[str]]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def find(self, texts: Sequence[str], where: Filter | None, /) -> list[Found]:
        """See `Owned`."""
        allowed = remembered(self._allowed, where, lambda: self._by_owner(where))
        with self._lock:
            self._load(list(allowed))
            return [self._scores(text, allowed) for text in texts]

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

    def _scores(self, text: str, allowed: Mapping[str, Sequence[str]]) -> Found:
        words, beside = self.analyzer.words(text), self._beside(text)
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
        table = self.snapshot.read(search.select(["id", "user_id", "private_text"]))
        for id, owner, text in zip(*(one.to_pylist() for one in table.columns), strict=True):
            texts[owner][0].append(id)
            texts[owner][1].append(self.analyzer.words(text or ""))
        for owner, (ids, words) in texts.items():
            position = {id: i for i, id in enumerate(ids)}
            self._known[owner] = Texts(position, Postings.of(words))

    def _beside(self, text: str) -> Counts:
        """What BM25 of owned chunks must know of the shared ones."""
        pairs = self.analyzer.pairs(text)
        for said, word in pairs:
            if word not in self._holding:
                self._holding[word] = len(self.holders(said))
        count, mean = self._lengths
        return Counts(count, count * mean, {word: self._holding[word] for _, word in pairs})

    @cached_property
    def _lengths(self) -> tuple[int, float]:
        """Number of shared chunks, and their mean length in words, over `SAMPLE` of them."""
        texts = self.snapshot.evenly(SAMPLE, "lexical_text", SHARED)["lexical_text"].to_pylist()
        lengths = [len(self.analyzer.words(text)) for text in texts]
        return self.snapshot.count(SHARED), float(np.mean(lengths)) if lengths else 0.0
