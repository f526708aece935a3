"""Lexical evidence from words that are held in memory; where there is no room and no index, for one search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock

import numpy as np
import numpy.typing as npt

from rag_embed.analysis import Analyzer
from rag_embed.filters import Filter
from rag_embed.maths.inverted import Seen
from rag_embed.maths.vectors import contenders, first
from rag_embed.stores.held_words import HeldWords
from rag_embed.stores.resident import Resident
from rag_embed.stores.roster import BASE, NOBODY, Mask, whose
from rag_embed.stores.schema import WORDS
from rag_embed.stores.snapshot import Snapshot
from rag_embed.stores.stored_words import holding_of
from rag_embed.types import Scores

KEY = "words"
"""The column's name in the roster."""


@dataclass(frozen=True, slots=True, eq=False)
class Spoken:
    """What the chunks of one version say.

    Attributes:
        ids: Id of each slot; there may be more.
        words: What each slot says.
        seen: Whose they are.
    """

    ids: Sequence[str]
    words: HeldWords
    seen: Seen

    def bm25(self, words: Sequence[str], among: Mask) -> Scores:
        """Of every slot of a mask, for a query; 0 of the others."""
        return self.seen.bm25(self.words.holding(words, len(among)), among)

    def holding(self, words: Sequence[str], places: npt.NDArray[np.intp]) -> Mask:
        """``(len(words), len(places))``: does a slot hold a word? None does at a place below 0."""
        size = max(int(places.max(initial=-1)) + 1, 1)
        found = np.zeros((len(words), len(places)), dtype=np.bool_)
        for i, (rows, _) in enumerate(self.words.holding(words, size)):
            if len(rows):
                held = np.zeros(size + 1, dtype=np.bool_)
                held[rows] = True
                found[i] = held[places]
        return found

    def best(self, scores: Scores, n: int) -> tuple[list[str], Scores]:
        """The ``n`` best of those that share a word with a query."""
        hits = contenders(scores, n)
        hits = hits[scores[hits] > 0]
        return first([self.ids[slot] for slot in hits.tolist()], scores[hits], n)


class Asked:
    """Scores of all chunks for queries whose best were found, until those of other chunks are asked for.

    Args:
        room: Bytes that are kept; those that were put first go first.
    """

    def __init__(self, room: int = 64 * 2**20) -> None:
        self._room = room
        self._scores: dict[str, Scores] = {}
        self._lock = Lock()

    def put(self, text: str, scores: Scores) -> None:
        """Keep the scores of a query."""
        with self._lock:
            self._scores[text] = scores
            while len(self._scores) * scores.nbytes > self._room:
                del self._scores[next(iter(self._scores))]

    def take(self, text: str) -> Scores | None:
        """Those of a query, if they are kept; they are not kept any longer."""
        with self._lock:
            return self._scores.pop(text, None)


@dataclass(eq=False)
class ResidentWords:
    """Lexical evidence of one version whose words are held in memory.

    Attributes:
        snapshot: The chunks.
        resident: Where they are in memory.
        analyzer: Settings of lexical search.
    """

    snapshot: Snapshot
    resident: Resident
    analyzer: Analyzer
    _asked: Asked = field(default_factory=Asked)

    def find(
        self, texts: Sequence[str], n: int, where: Filter | None, /
    ) -> list[tuple[list[str], Scores]]:
        """See `lexical.Lexical`."""
        version, found = self.resident, []
        among = None if where is None else self.snapshot.mask(where, version)
        for text in texts:
            scores = self._spoken.bm25(self.analyzer.asked(text), version.live)
            self._asked.put(text, scores)
            found.append(self._spoken.best(scores if among is None else scores * among, n))
        return found

    def scores(self, texts: Sequence[str], ids: Sequence[Sequence[str]], /) -> list[Scores]:
        """See `lexical.Lexical`."""
        return [self._scores(text, some) for text, some in zip(texts, ids, strict=True)]

    def _scores(self, text: str, ids: Sequence[str]) -> Scores:
        scores = self._asked.take(text)
        if scores is None:
            scores = self._spoken.bm25(self.analyzer.asked(text), self.resident.live)
        places = self.resident.places(ids)
        return np.where(places < 0, np.float32(0), scores[places])

    def holding(self, words: Sequence[str], ids: Sequence[str], /) -> Mask:
        """See `lexical.Lexical`."""
        return self._spoken.holding(words, self.resident.places(ids))

    @cached_property
    def _spoken(self) -> Spoken:
        version, size = self.resident, self.resident.size
        words = version.filled(KEY, HeldWords)
        owners = version.roster.owners[:size]
        return Spoken(version.roster.ids, words, Seen.of(words.lengths(size), owners, version.live))


@dataclass(eq=False)
class ReadWords:
    """Lexical evidence of one version, for which all words are read by each search.

    An index that grew out of memory is searched so until upkeep has built its full-text index.

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
        spoken = self._spoken(queries)
        among = np.ones(len(spoken.ids), dtype=np.bool_)
        if where is not None:
            passing = set(self.snapshot.passing(where))
            among[:] = [id in passing for id in spoken.ids]
        return [spoken.best(spoken.bm25(words, among), n) for words in queries]

    def scores(self, texts: Sequence[str], ids: Sequence[Sequence[str]], /) -> list[Scores]:
        """See `lexical.Lexical`."""
        queries = [self.analyzer.asked(text) for text in texts]
        spoken = self._spoken(queries)
        every = np.ones(len(spoken.ids), dtype=np.bool_)
        place = {id: row for row, id in enumerate(spoken.ids)}
        found = []
        for words, some in zip(queries, ids, strict=True):
            scores = np.append(spoken.bm25(words, every), np.float32(0))
            found.append(scores[[place.get(id, -1) for id in some]])
        return found

    def holding(self, words: Sequence[str], ids: Sequence[str], /) -> Mask:
        """See `lexical.Lexical`."""
        return holding_of(self.snapshot, words, ids)

    def _spoken(self, queries: Sequence[Sequence[str]]) -> Spoken:
        """What all chunks say, as far as it concerns some queries."""
        words = HeldWords({word for query in queries for word in query})
        ids: list[str] = []
        owners: list[tuple[str | None, str]] = []
        for table in self.snapshot.stream([*BASE, *WORDS]):
            words.put(np.arange(len(ids), len(ids) + len(table)), table)
            ids += table["id"].to_pylist()
            owners += zip(*whose(table), strict=True)
        known: dict[tuple[str | None, str], int] = {(None, ""): NOBODY}
        codes = [known.setdefault(one, len(known) - 1) for one in owners]
        live = np.ones(len(ids), dtype=np.bool_)
        seen = Seen.of(words.lengths(len(ids)), np.array(codes, dtype=np.int32), live)
        return Spoken(ids, words, seen)
