"""Lexical evidence of owned chunks.

The full-text index holds shared chunks only. What it counts (how many texts hold a word, how long texts
are) enters every score, and would tell one user of another's texts. Owned texts are few for each
owner: they are scored here, with the shared texts beside them, and leave no trace in a search index.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from rag_embed.analysis import Analyzer
from rag_embed.maths.bm25 import Counts, Postings
from rag_embed.types import Scores

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


@dataclass(frozen=True, slots=True, eq=False)
class Owned:
    """The owned chunks of one version.

    Attributes:
        analyzer: Settings of lexical search.
        read: From owners to a table with ``id``, ``user_id`` and ``private_text`` of their chunks.
        known: Owner -> what was read.
    """

    analyzer: Analyzer
    read: Callable[[Sequence[str]], pa.Table]
    known: dict[str, Texts] = field(default_factory=dict)

    def scores(
        self, text: str, allowed: Mapping[str, Sequence[str]], beside: Counts
    ) -> tuple[list[str], Scores]:
        """Chunks that share a word with a text, and their BM25.

        Args:
            text: What is asked.
            allowed: Owner -> chunks that may be found.
            beside: The shared texts.
        """
        words = self.analyzer.words(text)
        ids: list[str] = []
        found: list[Scores] = []
        for owner, some in allowed.items():
            texts = self.known[owner]
            rows = np.array([texts.position[id] for id in some], dtype=np.intp)
            scores = texts.postings.scores(words, beside)[rows]
            ids += [id for id, score in zip(some, scores, strict=True) if score > 0]
            found.append(scores[scores > 0])
        return ids, np.concatenate(found) if found else np.empty(0, np.float32)

    def load(self, owners: Sequence[str]) -> None:
        """Read the chunks of these owners, where that has not been done."""
        lacking = [owner for owner in owners if owner not in self.known]
        if not lacking:
            return
        if len(self.known) + len(lacking) > _OWNERS:
            self.known.clear()
            lacking = list(owners)
        texts: dict[str, tuple[list[str], list[list[str]]]] = {one: ([], []) for one in lacking}
        columns = [self.read(lacking)[name] for name in ("id", "user_id", "private_text")]
        for id, owner, text in zip(*(column.to_pylist() for column in columns), strict=True):
            texts[owner][0].append(id)
            texts[owner][1].append(self.analyzer.words(text or ""))
        for owner, (ids, words) in texts.items():
            position = {id: i for i, id in enumerate(ids)}
            self.known[owner] = Texts(position, Postings.of(words))
