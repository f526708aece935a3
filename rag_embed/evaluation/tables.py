"""The tables of a report as plain strings, once for console, Markdown and HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rag_embed.evaluation.outcomes import Evaluation
from rag_embed.evaluation.significance import Comparison, Row
from rag_embed.maths.metrics import Metric
from rag_embed.maths.resampling import Difference
from rag_embed.text import amount

AVERAGE = "average"
"""How the row over all collections is called."""


@dataclass(frozen=True, slots=True)
class Table:
    """Text in rows and columns.

    Attributes:
        title: Heading.
        columns: Heads of the columns.
        rows: As many cells each.
        labels: The first so many columns are names, the others are numbers (set to the right).
        note: What one must know to read it, may be empty.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    labels: int
    note: str = ""


def tables(
    evaluations: Sequence[Evaluation],
    comparison: Comparison,
    system: str | None = None,
    gains: Sequence[Row] = (),
) -> list[Table]:
    """All tables: overview (with several collections), differences, then every collection.

    Args:
        evaluations: One per collection.
        comparison: Of all systems with a baseline.
        system: One that is compared with each of the others.
        gains: Of it, see `significance.gains`; where the only other system is the baseline, the differences
            say it already.
    """
    result = []
    if len(evaluations) > 1:
        result.append(_overview(evaluations, comparison))
    if len(evaluations[0].systems) > 1:
        result.append(_differences(evaluations, comparison))
    if system is not None and {row.system for row in gains} - {comparison.baseline}:
        result.append(_gains(evaluations, comparison, system, gains))
    return result + [_collection(evaluation) for evaluation in evaluations]


def p_value(p: float) -> str:
    """As printed.

    Examples:
        >>> p_value(0.0002), p_value(0.0412)
        ('<0.001', '0.041')
    """
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def signed(value: float) -> str:
    """As printed; what rounds to nothing has no sign.

    Examples:
        >>> signed(0.01), signed(-0.0001)
        ('+0.010', '0.000')
    """
    text = f"{value:+.3f}"
    return text[1:] if float(text) == 0 else text


def in_words(evaluations: Sequence[Evaluation], comparison: Comparison) -> str:
    """Which systems are better than the baseline, and on how many queries: a sentence each."""
    whole = None if len(evaluations) > 1 else evaluations[0].collection
    found = {name: comparison.row(name, whole).difference for name in evaluations[0].systems}
    return " ".join(
        _verdict(evaluations, comparison, system, comparison.baseline, one)
        for system, one in found.items()
        if one is not None
    )


def _verdict(
    evaluations: Sequence[Evaluation],
    comparison: Comparison,
    system: str,
    other: str,
    found: Difference,
) -> str:
    """Whether a system is better than another, and on how many queries."""
    metric = comparison.metric
    gained = np.concatenate(
        [one.scores(system, metric) - one.scores(other, metric) for one in evaluations]
    )
    better = "better" if found.value > 0 else "worse"
    sure = found.p < 1 - comparison.level
    verdict = f"is {better} than" if sure else "is not beyond chance better or worse than"
    won, lost = int((gained > 0).sum()), int((gained < 0).sum())
    return (
        f"{system} {verdict} {other}: "
        f"{amount(won, 'query')} won, {lost} lost, {gained.size - won - lost} even."
    )


def _overview(evaluations: Sequence[Evaluation], comparison: Comparison) -> Table:
    systems = tuple(evaluations[0].systems)
    names: list[str | None] = [evaluation.collection for evaluation in evaluations]
    rows = []
    for name in [*names, None]:
        cells = [_marked(comparison.row(system, name), comparison.level) for system in systems]
        queries = comparison.row(systems[0], name).queries
        rows.append((AVERAGE if name is None else name, str(queries), *cells))
    return Table(
        f"{Metric.parse(comparison.metric).label} by collection",
        ("collection", "queries", *systems),
        tuple(rows),
        labels=1,
        note=f"▲ above, ▼ below {comparison.baseline} with p < {1 - comparison.level:.2g}. "
        "The average gives every collection the same weight.",
    )


def _marked(row: Row, level: float) -> str:
    mark = ""  # before the number, so that the digits stay in line
    if row.difference is not None and row.difference.p < 1 - level:
        mark = "▲ " if row.difference.value > 0 else "▼ "
    return f"{mark}{row.mean.value:.3f}"


def _differences(evaluations: Sequence[Evaluation], comparison: Comparison) -> Table:
    rows = []
    for row in comparison.rows:
        if row.difference is None:
            continue
        found = row.difference
        rows.append(
            (
                AVERAGE if row.collection is None else row.collection,
                row.system,
                str(row.queries),
                f"{row.mean.value:.3f}",
                signed(found.value),
                f"{signed(found.low)} to {signed(found.high)}",
                p_value(found.p),
            )
        )
    return Table(
        f"{Metric.parse(comparison.metric).label}: difference from {comparison.baseline}",
        ("collection", "system", "queries", "mean", "difference", _percent(comparison), "p"),
        tuple(rows),
        labels=2,
        note=f"{in_words(evaluations, comparison)} "
        f"Paired bootstrap over queries, {comparison.resamples} resamples, "
        f"seed {comparison.seed}; p is two-sided and not corrected for {len(rows)} comparison(s).",
    )


def _gains(
    evaluations: Sequence[Evaluation],
    comparison: Comparison,
    system: str,
    gains: Sequence[Row],
) -> Table:
    """How much better a system is than each of the others, and in words than the best of them."""
    whole = None if len(evaluations) > 1 else evaluations[0].collection
    rows = []
    best: tuple[float, str, Difference] | None = None
    for row in gains:
        found = row.difference
        if found is None:
            continue
        name = AVERAGE if row.collection is None else row.collection
        numbers = (f"{row.mean.value:.3f}", signed(found.value))
        interval = f"{signed(found.low)} to {signed(found.high)}"
        rows.append((name, row.system, str(row.queries), *numbers, interval, p_value(found.p)))
        if row.collection == whole and (best is None or row.mean.value > best[0]):
            best = row.mean.value, row.system, found
    note = ""
    if best is not None:
        told = _verdict(evaluations, comparison, system, best[1], best[2])
        note = f"{best[1]} is the best of the others. {told}"
    return Table(
        f"{Metric.parse(comparison.metric).label}: what {system} gains over each of the others",
        ("collection", "other", "queries", "its mean", "gain", _percent(comparison), "p"),
        tuple(rows),
        labels=2,
        note=note,
    )


def _percent(comparison: Comparison) -> str:
    return f"{comparison.level * 100:g} % interval"


def _collection(evaluation: Evaluation) -> Table:
    metrics = evaluation.metrics
    rows = [
        (
            name,
            *(f"{evaluation.mean(name, metric):.3f}" for metric in metrics),
            f"{np.median(outcome.milliseconds):.1f}",
        )
        for name, outcome in evaluation.systems.items()
    ]
    left_out = f", {evaluation.excluded} without relevant documents" if evaluation.excluded else ""
    return Table(
        evaluation.collection,
        ("system", *(Metric.parse(metric).label for metric in metrics), "ms/query"),
        tuple(rows),
        labels=1,
        note=f"{amount(len(evaluation.query_ids), 'query')}{left_out}; "
        f"{amount(evaluation.documents, 'document')}. Median time per query in batches of {evaluation.batch}.",
    )
