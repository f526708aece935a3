"""Compare measured systems: means with intervals, differences from a baseline with p-values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rag_embed.errors import BadInput
from rag_embed.evaluation.outcomes import Evaluation, Outcome
from rag_embed.maths.metrics import Metric
from rag_embed.maths.resampling import (
    Difference,
    Estimate,
    bootstrap,
    stratified_paired_bootstrap,
)
from rag_embed.text import amount

LEAST = 6
"""Queries below which no gain is held for more than chance, see `maths.resampling`."""

_Z_95, _Z_POWER = 1.96, 0.8416
"""Quantiles of the normal distribution, at .975 and .8."""


@dataclass(frozen=True, slots=True)
class Row:
    """One system on one collection, or averaged over all of them.

    Attributes:
        collection: Name of the collection, None for the average of the collections' means.
        system: Name of the system.
        queries: Queries behind the figures.
        mean: The score, with its own interval.
        difference: From the baseline; None for the baseline itself.
    """

    collection: str | None
    system: str
    queries: int
    mean: Estimate
    difference: Difference | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """All systems on all collections by one metric.

    Attributes:
        metric: Like ``"ndcg@10"``.
        baseline: What the differences are taken from.
        rows: Per collection all systems; then the average rows, when there are several collections.
        resamples: Bootstrap samples.
        seed: Their seed.
        level: Coverage of the intervals.
    """

    metric: str
    baseline: str
    rows: tuple[Row, ...]
    resamples: int
    seed: int
    level: float

    def row(self, system: str, collection: str | None = None) -> Row:
        """One system's row on a collection; None is the average.

        Raises:
            BadInput: There is no such row.
        """
        for row in self.rows:
            if row.system == system and row.collection == collection:
                return row
        raise BadInput(f"The comparison has no row for {system!r} on {collection!r}.")


def compare(
    evaluations: Sequence[Evaluation],
    baseline: str | None = None,
    metric: str = "ndcg@10",
    *,
    resamples: int = 10_000,
    seed: int = 0,
    level: float = 0.95,
) -> Comparison:
    """Means, and paired differences from a baseline, per collection and on average.

    Args:
        evaluations: One per collection, all with the same systems.
        baseline: Name of a system; the first one when None.
        metric: One that was measured.
        resamples: Bootstrap samples, >= 100.
        seed: The same seed gives the same intervals.
        level: Coverage of the intervals.

    Raises:
        BadInput: No evaluation, collections or systems do not fit, or nothing was measured by
            that name.
    """
    names = _systems(evaluations)
    baseline = names[0] if baseline is None else baseline
    check_system("baseline", baseline, names)
    metric = str(Metric.parse(metric))
    rows: list[Row] = []
    for evaluation in evaluations:
        rows += _rows([evaluation], evaluation.collection, baseline, metric, resamples, seed, level)
    if len(evaluations) > 1:
        rows += average(evaluations, baseline, metric, resamples=resamples, seed=seed, level=level)
    return Comparison(metric, baseline, tuple(rows), resamples, seed, level)


def average(
    evaluations: Sequence[Evaluation],
    baseline: str,
    metric: str = "ndcg@10",
    *,
    resamples: int = 10_000,
    seed: int = 0,
    level: float = 0.95,
) -> list[Row]:
    """Macro average over collections: every collection counts the same, whatever its size.

    Intervals and p-values come from resampling the queries within each collection. Arguments and
    errors as in `compare`.
    """
    _systems(evaluations)
    return _rows(evaluations, None, baseline, metric, resamples, seed, level)


def _rows(
    evaluations: Sequence[Evaluation],
    collection: str | None,
    baseline: str,
    metric: str,
    resamples: int,
    seed: int,
    level: float,
) -> list[Row]:
    rows = []
    against = [evaluation.scores(baseline, metric) for evaluation in evaluations]
    for name in evaluations[0].systems:
        scores = [evaluation.scores(name, metric) for evaluation in evaluations]
        difference = None
        if name != baseline:
            difference = stratified_paired_bootstrap(
                list(zip(scores, against, strict=True)),
                resamples=resamples,
                seed=seed,
                level=level,
            )
        mean = bootstrap(scores, resamples=resamples, seed=seed, level=level)
        queries = int(np.sum([row.size for row in scores]))
        rows.append(Row(collection, name, queries, mean, difference))
    return rows


def gains(
    evaluations: Sequence[Evaluation],
    system: str,
    metric: str = "ndcg@10",
    *,
    resamples: int = 10_000,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[Row, ...]:
    """How much better one system is than each of the others, per collection and on average.

    Arguments and errors as in `compare`, with ``system`` in the place of the baseline.

    Returns:
        Rows of the others; ``difference`` is that of the system *from* this one, above 0 where the system is
        better.
    """
    names = _systems(evaluations)
    check_system("system", system, names)
    parts: list[tuple[str | None, Sequence[Evaluation]]] = [
        (evaluation.collection, [evaluation]) for evaluation in evaluations
    ]
    rows: list[Row] = []
    if len(parts) > 1:
        parts.append((None, evaluations))
    metric = str(Metric.parse(metric))
    for collection, some in parts:
        for other in names:
            if other != system:
                pair = [replace(one, systems=_only(one, system, other)) for one in some]
                ours, theirs = _rows(pair, collection, other, metric, resamples, seed, level)
                rows.append(replace(theirs, difference=ours.difference))
    return tuple(rows)


def smallest_gain(gain: Difference, queries: int, of: int | None = None) -> float:
    """The smallest gain that so many queries would show four times of five, by the spread that was seen.

    ``(z(.975) + z(.8)) * s / sqrt(n)``, the minimal detectable difference of a paired test at 95 % and power
    .8, with ``s = (high - low) / (2 * z(.975)) * sqrt(queries)``, the standard deviation of the paired
    differences as their interval has it (Sakai, Statistical Significance, Power, and Sample Sizes, SIGIR 2016).

    Args:
        gain: A paired difference with its 95 % interval.
        queries: Queries behind it.
        of: Queries that it is asked of; the same where None.

    Examples:
        >>> seen = Difference(0.01, -0.05, 0.07, 0.7)
        >>> round(smallest_gain(seen, 21), 3), round(smallest_gain(seen, 21, of=200), 3)
        (0.086, 0.028)
    """
    spread = (gain.high - gain.low) / (2 * _Z_95) * math.sqrt(queries)
    return (_Z_95 + _Z_POWER) * spread / math.sqrt(queries if of is None else of)


def reach(gain: Difference, queries: int) -> str:
    """What so many labels can prove, in a sentence: see `smallest_gain`.

    Examples:
        >>> reach(Difference(0.01, -0.05, 0.07, 0.7), 21)
        '21 queries can show gains of about .086 and more; 200 of about .028.'
        >>> reach(Difference(0.0, 0.0, 0.0, 1.0), 21)
        '21 queries, and none differs: a gain is shown by six better ones at least, and none worse.'
    """
    asked = amount(queries, "query")
    if queries < LEAST:
        return f"{asked} can show no gain, whatever its size: label six at least, better some 50."
    if gain.high <= gain.low:
        few = f"{asked}, and none differs" if not gain.value else f"{asked}, all by as much"
        return f"{few}: a gain is shown by six better ones at least, and none worse."
    own, more = smallest_gain(gain, queries), smallest_gain(gain, queries, of=200)
    told = f"{asked} can show gains of about {_about(own)} and more"
    return f"{told}; 200 of about {_about(more)}." if queries < 200 else f"{told}."


def _about(value: float) -> str:
    return f"{value:.2g}".removeprefix("0")


def check_system(what: str, name: str, known: Iterable[str]) -> None:
    """Refuse a name that no system has.

    Raises:
        BadInput: None has it.
    """
    if name not in (names := list(known)):
        raise BadInput(f"The {what} {name!r} was not measured; choose of {', '.join(names)}.")


def _only(evaluation: Evaluation, *systems: str) -> Mapping[str, Outcome]:
    return {name: evaluation.systems[name] for name in systems}


def _systems(evaluations: Sequence[Evaluation]) -> list[str]:
    """Names of the systems, the same in all evaluations."""
    if not evaluations:
        raise BadInput("Nothing to compare; give at least one evaluation.")
    names = list(evaluations[0].systems)
    seen: set[str] = set()
    for evaluation in evaluations:
        if evaluation.collection in seen:
            raise BadInput(
                f"Collection {evaluation.collection!r} occurs twice; join the evaluations of one "
                "collection with Evaluation.joined, or name the collections differently."
            )
        seen.add(evaluation.collection)
        if set(evaluation.systems) != set(names):
            raise BadInput(
                f"Every collection needs the same systems: {', '.join(names)} on "
                f"{evaluations[0].collection!r}, but {', '.join(evaluation.systems)} on "
                f"{evaluation.collection!r}."
            )
    return names
