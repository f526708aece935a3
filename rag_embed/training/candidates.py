"""Which chunks a query is trained to tell apart: all of them, or the hardest ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from rag_embed.training.corpus import Corpus
from rag_embed.training.encoded import Encoded
from rag_embed.training.losses import false_negatives
from rag_embed.types import Vectors

_MARGIN = 0.05
"""A chunk whose cosine to what answers a query is this near to that of the answer itself says the same."""

_BLOCK = 4_000_000
"""Scores held at once."""

Rows = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """The chunks that a batch of pairs is compared with.

    Attributes:
        corpus: What is searched.
        right: Per pair the rows that answer it.
        ignored: Per pair the rows that are neither right nor wrong.
        targets: ``(pairs, dim)`` vectors that stand for the first of them; zero where none does.
        mined: ``(pairs, m)`` rows of the hardest chunks; None where every chunk is a candidate.
    """

    corpus: Corpus
    right: list[Rows]
    ignored: list[Rows]
    targets: Vectors
    mined: Rows | None

    @classmethod
    def of(cls, corpus: Corpus, pairs: Encoded, limit: int, mined: int) -> Candidates:
        """All chunks of a corpus up to ``limit``, above it the ``mined`` nearest of each query."""
        right = [corpus.rows_of(pair.chunks) for pair in pairs.pairs]
        ignored = [corpus.rows_of(pair.ignored) for pair in pairs.pairs]
        hard = None if len(corpus.ids) <= limit else _nearest(corpus, pairs.queries, mined)
        return cls(corpus, right, ignored, pairs.targets, hard)

    def columns(self, batch: Rows) -> Rows:
        """Rows of the corpus that the pairs of a batch are compared with."""
        if self.mined is None:
            return np.arange(len(self.corpus.ids), dtype=np.intp)
        needed = [self.mined[batch].ravel(), *(self.right[i] for i in batch)]
        return np.unique(np.concatenate(needed))

    def judged(self, part: Rows, columns: Rows) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Vectors, which are right and which are neither right nor wrong.

        A chunk that says the same as the right one is not wrong: `losses.false_negatives`, where
        the guide is the frozen model comparing documents. For a query that was cut out of a chunk,
        the chunk itself is left out and what remains of it added.

        Args:
            part: Pairs of the batch.
            columns: Of `columns`.

        Returns:
            ``(n, dim)`` float32, ``(len(part), n)`` bool, ``(len(part), n)`` bool.
        """
        # All rows are taken as they are: a copy of a large corpus in every step would be slow.
        vectors = self.corpus.vectors if self.mined is None else self.corpus.vectors[columns]
        right = _marked(columns, [self.right[i] for i in part])
        out = _marked(columns, [self.ignored[i] for i in part])
        guide = np.stack([self._first(i) for i in part]) @ vectors.T
        out |= false_negatives(
            torch.from_numpy(guide), torch.from_numpy(right), margin=_MARGIN
        ).numpy()
        cut = np.flatnonzero(self.targets[part].any(axis=1))
        if not len(cut):
            return torch.from_numpy(vectors), torch.from_numpy(right), torch.from_numpy(out)
        out[cut] |= right[cut]
        right[cut] = False
        own = np.zeros((len(part), len(cut)), dtype=bool)
        own[cut, np.arange(len(cut))] = True
        # What was cut out of one chunk may answer another pair about the same document.
        documents = [{self.corpus.documents[at] for at in self.right[i]} for i in part]
        related = [
            [not documents[i].isdisjoint(documents[j]) for j in cut] for i in range(len(part))
        ]
        shared = np.array(related, dtype=bool).reshape(own.shape)
        return (
            torch.from_numpy(np.concatenate([vectors, self.targets[part[cut]]])),
            torch.from_numpy(np.concatenate([right, own], axis=1)),
            torch.from_numpy(np.concatenate([out, shared], axis=1)),
        )

    def _first(self, pair: int) -> Vectors:
        """The vector that the guide compares with."""
        target: Vectors = self.targets[pair]
        return target if target.any() else self.corpus.vectors[self.right[pair][0]]


def _nearest(corpus: Corpus, queries: Vectors, m: int) -> Rows:
    """``(len(queries), m)`` rows of the chunks nearest to each query."""
    m = min(m, len(corpus.ids))
    found = np.empty((len(queries), m), dtype=np.intp)
    step = max(1, _BLOCK // len(corpus.ids))
    for start in range(0, len(queries), step):
        scores = queries[start : start + step] @ corpus.vectors.T
        found[start : start + step] = np.argpartition(-scores, m - 1, axis=1)[:, :m]
    return found


def _marked(columns: Rows, some: list[Rows]) -> npt.NDArray[np.bool_]:
    """``(len(some), len(columns))``: which of the sorted columns each names."""
    marked = np.zeros((len(some), len(columns)), dtype=bool)
    for row, wanted in enumerate(some):
        at = np.minimum(np.searchsorted(columns, wanted), len(columns) - 1)
        marked[row, at[columns[at] == wanted]] = True
    return marked
