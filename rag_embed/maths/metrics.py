"""Ranking metrics as trec_eval defines them: one ranking against one query's judgements.

A ranking is a sequence of ids, best first: ties are already broken by the order given. Judgements
are graded; a grade above 0 is relevant, everything else (and what was not judged) is not.
A query without a relevant document has no defined score: leave it out of the mean. All functions
raise `BadInput` for it rather than return a number that would drag the mean along.

Means over queries and their intervals live in `rag_embed.maths.resampling`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rag_embed.errors import BadInput

_SPELLING = re.compile(r"([a-z]+)@([1-9][0-9]*)")


def ndcg(ranking: Sequence[str], judged: Mapping[str, float], k: int | None = None) -> float:
    """Normalised discounted cumulative gain: linear gain, discount log2(rank + 1).

    The ideal ranking holds all relevant documents, found or not. Järvelin and Kekäläinen (2002)
    in the form of trec_eval's ``ndcg_cut``.

    Args:
        ranking: Ids, best first.
        judged: Grade per judged id.
        k: Look at the first ``k`` only; the whole ranking when None.

    Returns:
        A number in [0, 1].

    Raises:
        BadInput: ``ranking`` holds an id twice, nothing is relevant, or ``k`` < 1.

    Examples:
        >>> round(ndcg(["b", "a"], {"a": 2, "b": 1}, 10), 3)
        0.86
    """
    gains, ideal = _gains(ranking, judged, k)
    return _discounted(gains) / _discounted(ideal[:k])


def recall(ranking: Sequence[str], judged: Mapping[str, float], k: int | None = None) -> float:
    """Share of the relevant documents that is among the first ``k``. Arguments as in `ndcg`.

    Examples:
        >>> recall(["a", "x"], {"a": 1, "b": 1}, 10)
        0.5
    """
    gains, ideal = _gains(ranking, judged, k)
    return int(np.count_nonzero(gains)) / ideal.size


def precision(ranking: Sequence[str], judged: Mapping[str, float], k: int | None = None) -> float:
    """Share of the first ``k`` that is relevant. Arguments as in `ndcg`.

    Places that a short ranking leaves empty count as not relevant. With ``k`` None the share is
    that of the whole ranking, 0 for an empty one.

    Examples:
        >>> precision(["a", "x"], {"a": 1}, 5)
        0.2
    """
    gains, _ = _gains(ranking, judged, k)
    places = gains.size if k is None else k
    return int(np.count_nonzero(gains)) / places if places else 0.0


def hit(ranking: Sequence[str], judged: Mapping[str, float], k: int | None = None) -> float:
    """1 when a relevant document is among the first ``k``, else 0 (trec_eval's ``success``).

    Examples:
        >>> hit(["x", "a"], {"a": 1}, 1), hit(["x", "a"], {"a": 1}, 2)
        (0.0, 1.0)
    """
    gains, _ = _gains(ranking, judged, k)
    return float(gains.any())


def reciprocal_rank(
    ranking: Sequence[str], judged: Mapping[str, float], k: int | None = None
) -> float:
    """1 / rank of the first relevant document, 0 when none is among the first ``k``.

    Examples:
        >>> reciprocal_rank(["x", "a"], {"a": 1}, 10)
        0.5
    """
    gains, _ = _gains(ranking, judged, k)
    found = np.flatnonzero(gains)
    return 1.0 / (int(found[0]) + 1) if found.size else 0.0


def average_precision(
    ranking: Sequence[str], judged: Mapping[str, float], k: int | None = None
) -> float:
    """Sum of the precision at each relevant document found, over the number of relevant ones.

    The denominator is all relevant documents even where that is more than ``k``, as in trec_eval's
    ``map_cut``; so a perfect ranking can score below 1 there.

    Examples:
        >>> average_precision(["a", "x", "b"], {"a": 1, "b": 1}, 10) == (1 + 2 / 3) / 2
        True
    """
    gains, ideal = _gains(ranking, judged, k)
    ranks = np.flatnonzero(gains) + 1
    return float((np.arange(1, ranks.size + 1) / ranks).sum()) / ideal.size


_FUNCTIONS: dict[str, tuple[str, Callable[[Sequence[str], Mapping[str, float], int], float]]] = {
    "ndcg": ("nDCG", ndcg),
    "recall": ("Recall", recall),
    "mrr": ("MRR", reciprocal_rank),
    "map": ("MAP", average_precision),
    "hit": ("Hit", hit),
    "precision": ("Precision", precision),
}


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric with its cut-off, written ``"ndcg@10"``.

    Attributes:
        name: ``ndcg``, ``recall``, ``mrr``, ``map``, ``hit`` or ``precision``.
        k: Cut-off, >= 1.
    """

    name: str
    k: int

    @classmethod
    def parse(cls, text: str) -> Metric:
        """Read ``"ndcg@10"``; letter case does not matter.

        Raises:
            BadInput: Not of that form, or no such metric.

        Examples:
            >>> Metric.parse("nDCG@10")
            Metric(name='ndcg', k=10)
        """
        match = _SPELLING.fullmatch(text.strip().lower())
        if match is None or match[1] not in _FUNCTIONS:
            raise BadInput(
                f"Expected a metric with a cut-off, like 'ndcg@10', got {text!r}; "
                f"metrics: {', '.join(_FUNCTIONS)}."
            )
        return cls(match[1], int(match[2]))

    @property
    def label(self) -> str:
        """For people: ``"nDCG@10"``."""
        return f"{_FUNCTIONS[self.name][0]}@{self.k}"

    def __str__(self) -> str:
        return f"{self.name}@{self.k}"

    def __call__(self, ranking: Sequence[str], judged: Mapping[str, float]) -> float:
        """Score one ranking; see `ndcg` for what is raised."""
        return _FUNCTIONS[self.name][1](ranking, judged, self.k)


def _gains(
    ranking: Sequence[str], judged: Mapping[str, float], k: int | None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Grades of the first ``k`` ids (0 where not relevant); all positive grades, descending."""
    if k is not None and k < 1:
        raise BadInput(f"The cut-off k must be at least 1, got {k}.")
    if len(set(ranking)) != len(ranking):
        twice = next(id_ for place, id_ in enumerate(ranking) if id_ in ranking[:place])
        raise BadInput(f"A ranking holds each id once, got {twice!r} twice; keep its best rank.")
    ideal = np.array(sorted((g for g in judged.values() if g > 0), reverse=True), dtype=np.float64)
    if not ideal.size:
        raise BadInput(
            "No relevant document is judged for this query, so it has no score; leave it out."
        )
    gains = [max(judged.get(id_, 0), 0) for id_ in ranking[:k]]
    return np.array(gains, dtype=np.float64), ideal


def _discounted(gains: npt.NDArray[np.float64]) -> float:
    """Sum of ``gain / log2(rank + 1)``."""
    return float((gains / np.log2(np.arange(2, gains.size + 2))).sum())
