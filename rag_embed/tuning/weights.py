"""Weights that suit an index's labels: fitted on one half of the queries, measured on the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from rag_embed.errors import BadInput
from rag_embed.evaluation.collection import Collection, halves
from rag_embed.evaluation.verdict import Tried, Verdict, told
from rag_embed.maths.resampling import paired_bootstrap
from rag_embed.ranking.hybrid import Hybrid
from rag_embed.tuning.candidates import Candidates, gathered, utilities
from rag_embed.types import Vectors

Weights: TypeAlias = Mapping[str, float]

FACTORS = (0.0, 0.25, 0.5, 0.7, 1.4, 2.0, 4.0)
"""What a weight is multiplied by to look for a better one."""

_FIRST = (0.05, 0.1, 0.25, 0.5)
"""Share of all legs that is tried for what has no weight yet."""

_SWEEPS = 8


NAME = "weights"


def fit_weights(
    hybrid: Hybrid, labels: Collection, *, metric: str = "ndcg@10", seed: int = 0
) -> Verdict[Weights]:
    """Look for better weights on one half of the queries, and measure them on the other.

    One weight after the other is changed as long as the mean of the metric rises. No document answers
    queries of both halves.

    Args:
        hybrid: `Experts.hybrid`; its weights are the start and the measure, all its legs and second
            stages are tried.
        labels: Judged queries whose documents are in the index.
        metric: As in `maths.metrics`.
        seed: Deals the halves and draws the bootstrap.

    Returns:
        Weights by leg and second stage; those of the legs add up to 1.

    Raises:
        BadInput: No query has an answer, or the queries cannot be split by document.
    """
    if not labels.judged:
        raise BadInput(f"{labels.name!r} has no query with a relevant document; label some.")
    train, test = halves(labels, seed)
    legs = [leg.name for leg in hybrid.legs]
    before = _scaled(hybrid.mixture, legs)
    found, judged = _asked(hybrid, train)
    best = climbed(lambda some: utilities(found, judged, some, metric).mean(axis=0), before, legs)
    found, judged = _asked(hybrid, test)
    after, now = utilities(found, judged, [best, before], metric).T
    gain = paired_bootstrap(after, now, seed=seed)
    own = f"{_words(before)}, as it is"
    same = dict(best) == dict(before)
    tried = (
        Tried(own if same else _words(best), float(after.mean()), gain),
        *([] if same else [Tried(own, float(now.mean()))]),
    )
    reason = (
        f"{metric} on {len(found)} queries held out: {after.mean():.4f} with {_words(best)}, "
        f"{now.mean():.4f} with {_words(before)}; {told(gain)}."
        if not same
        else f"By {metric} no other weights were better on the half of the choice; {_words(before)} stay."
    )
    return Verdict(NAME, best, gain, gain.low > 0, reason, tried, queries=len(found))


def climbed(
    measure: Callable[[Sequence[Weights]], Vectors], start: Weights, legs: Sequence[str]
) -> dict[str, float]:
    """Better weights: one after the other is changed as long as a measure rises.

    Args:
        measure: Gives how good each of some mixtures is, ``(m,)``.
        start: Weight of each leg and second stage that may be weighed, 0 for none yet.
        legs: Names of the legs; one keeps a weight, and together they weigh 1.

    Examples:
        >>> best = climbed(
        ...     lambda some: np.array([-abs(one["a"] - 0.8) for one in some]), {"a": 0.5, "b": 0.5}, "ab"
        ... )
        >>> round(best["a"], 1)
        0.8
    """
    best, value = _scaled(start, legs), -np.inf
    for _ in range(_SWEEPS):
        reached = value
        for name in start:
            mixtures = [best, *_others(best, name, legs)]
            means = measure(mixtures).round(6)
            best, value = mixtures[int(means.argmax())], float(means.max())
        if value <= reached:
            break
    return best


def _others(weights: Weights, name: str, legs: Sequence[str]) -> Iterator[dict[str, float]]:
    """The weights with another one for a name; a leg is left at least."""
    own = weights[name]
    for new in [own * factor for factor in FACTORS] if own else _FIRST:
        changed = {**weights, name: new}
        if any(changed[leg] for leg in legs):
            yield _scaled(changed, legs)


def _scaled(weights: Weights, legs: Sequence[str]) -> dict[str, float]:
    total = sum(weights[leg] for leg in legs)
    return {name: round(weight / total, 4) for name, weight in weights.items()}


def _words(weights: Weights) -> str:
    return ", ".join(f"{name} {weight:.3g}" for name, weight in weights.items())


def _asked(
    hybrid: Hybrid, labels: Collection
) -> tuple[list[Candidates], list[Mapping[str, float]]]:
    queries = [one.query for one in labels.labelled]
    return list(gathered(hybrid, queries)), [one.relevant for one in labels.labelled]
