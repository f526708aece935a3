"""Bootstrap over queries: how far a mean, or a difference of means, could be chance.

Resampling draws queries with replacement, so the spread between queries is what decides. Several
sets are resampled each within itself (stratified) and the set means averaged with equal weight:
a large set does not drown a small one, and the choice of sets is taken as given.

A few queries that all say the same have no spread, and would be held for certain. But of two systems that are
equally good one wins all of ``n`` queries with probability ``2^(1 - n)``: a difference is never held for surer
than that, so below six queries never for 95 %.

Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapters 13 and 15; for
retrieval Sakai, Evaluating evaluation metrics based on the bootstrap (SIGIR 2006).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rag_embed.arguments import count, is_number
from rag_embed.errors import BadInput

_BLOCK = 2_000_000
"""Indexes drawn at once: bounds the memory to some 32 MB whatever the number of queries."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its interval.

    Attributes:
        value: The mean over the queries, or the average of the set means.
        low: Lower end of the percentile interval.
        high: Upper end.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference of two means over the same queries.

    Attributes:
        value: Mean of the first minus mean of the second.
        low: Lower end of the percentile interval.
        high: Upper end.
        p: Two-sided: twice the share of resamples on the other side of 0, and no less than ``2^(1 - n)`` for
            ``n`` queries, so that p falls below 1 - level where the interval leaves 0 out. Not corrected for
            several comparisons.
    """

    value: float
    low: float
    high: float
    p: float


def bootstrap(
    strata: Sequence[npt.ArrayLike],
    *,
    resamples: int = 10_000,
    seed: int = 0,
    level: float = 0.95,
) -> Estimate:
    """Average of the set means, with a percentile interval.

    Args:
        strata: Per set, ``(n_queries,)`` scores; one set is a list of one.
        resamples: Bootstrap samples, >= 100.
        seed: The same seed draws the same queries.
        level: Coverage of the interval, between 0 and 1.

    Raises:
        BadInput: No set, an empty one, a score that is not finite, or a setting out of range.

    Examples:
        >>> bootstrap([[0.5, 0.5, 0.5]])
        Estimate(value=0.5, low=0.5, high=0.5)
    """
    checked = [_vector(values) for values in strata]
    value, means = _resample(checked, resamples, seed, level)
    low, high = _interval(means, level)
    return Estimate(value, low, high)


def paired_bootstrap(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    *,
    resamples: int = 10_000,
    seed: int = 0,
    level: float = 0.95,
) -> Difference:
    """Mean of ``first`` minus mean of ``second``, two scores of the same queries.

    Args:
        first: ``(n_queries,)`` scores.
        second: ``(n_queries,)`` scores of the same queries in the same order.
        resamples: Bootstrap samples, >= 100.
        seed: The same seed draws the same queries.
        level: Coverage of the interval, between 0 and 1.

    Raises:
        BadInput: Lengths differ, no query, a score that is not finite, or a setting out of range.

    Examples:
        >>> same = paired_bootstrap([0.1, 0.9], [0.1, 0.9])
        >>> same.value, same.p
        (0.0, 1.0)
    """
    return stratified_paired_bootstrap(
        [(first, second)], resamples=resamples, seed=seed, level=level
    )


def stratified_paired_bootstrap(
    strata: Sequence[tuple[npt.ArrayLike, npt.ArrayLike]],
    *,
    resamples: int = 10_000,
    seed: int = 0,
    level: float = 0.95,
) -> Difference:
    """`paired_bootstrap` over several sets: the average of the sets' differences.

    Args:
        strata: Per set the two scores of its queries.
        resamples: Bootstrap samples, >= 100.
        seed: The same seed draws the same queries.
        level: Coverage of the interval, between 0 and 1.

    Raises:
        BadInput: As in `paired_bootstrap`, or no set.
    """
    differences = []
    for first, second in strata:
        left, right = _vector(first), _vector(second)
        if left.size != right.size:
            raise BadInput(
                f"Paired scores belong to the same queries, got {left.size} and {right.size}; "
                "evaluate both systems on the same collection."
            )
        differences.append(left - right)
    value, means = _resample(differences, resamples, seed, level)
    low, high = _interval(means, level)
    chance = 2.0 ** (1 - sum(one.size for one in differences))
    if chance >= 1 - level:
        low, high = min(low, 0.0), max(high, 0.0)
    other_side = int(min(np.count_nonzero(means <= 0), np.count_nonzero(means >= 0)))
    # The observed sample counts as one of the resamples: p is never 0.
    p = 2 * (other_side + 1) / (resamples + 1)
    return Difference(value, low, high, min(1.0, max(p, chance)))


def _vector(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or not array.size:
        raise BadInput(f"Expected one score per query, at least one, got shape {array.shape}.")
    if not np.isfinite(array).all():
        raise BadInput("A score is not finite; leave queries without a score out.")
    return array


def _resample(
    strata: Sequence[npt.NDArray[np.float64]], resamples: int, seed: int, level: float
) -> tuple[float, npt.NDArray[np.float64]]:
    """Average of the set means, and ``(resamples,)`` of the same over resampled queries."""
    if not strata:
        raise BadInput("Nothing to resample: give the scores of at least one set.")
    resamples = count("resamples (10000 is usual)", resamples, 100)
    if not is_number(level) or not 0 < level < 1:
        raise BadInput(f"level must be between 0 and 1, got {level!r}; 0.95 is usual.")
    rng = np.random.default_rng(count("seed", seed, 0))
    total = np.zeros(resamples)
    for values in strata:
        block = max(1, _BLOCK // values.size)
        for start in range(0, resamples, block):
            rows = min(block, resamples - start)
            drawn = rng.integers(0, values.size, size=(rows, values.size))
            total[start : start + rows] += values[drawn].mean(axis=1)
    # Sums of the same numbers in another order differ in the last bit, and 0 must stay 0.
    return float(np.mean([v.mean() for v in strata])), np.round(total / len(strata), 12)


def _interval(means: npt.NDArray[np.float64], level: float) -> tuple[float, float]:
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
