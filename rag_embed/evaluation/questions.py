"""Which questions failed, and which were won and lost: the figures of a report, one question at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rag_embed.evaluation.outcomes import Evaluation
from rag_embed.evaluation.significance import Row, check_system
from rag_embed.evaluation.tables import Table, signed
from rag_embed.maths.metrics import Metric
from rag_embed.text import amount

MOST = 10
"""Questions that a report lists; its JSON has all."""

_LETTERS = 100
"""Of a question in a table."""


@dataclass(frozen=True, slots=True)
class Missed:
    """A question whose right document does not come first.

    Attributes:
        id: The query's id.
        text: What was asked; empty where another user asked it.
        first: Id of the document that came first, empty where it is hidden; None where nothing was found.
        rank: Place of the first right document, from 2; None where it is not in the ranking.
    """

    id: str
    text: str
    first: str | None
    rank: int | None


@dataclass(frozen=True, slots=True)
class Turned:
    """A question that one system answers better or worse than another.

    Attributes:
        id: The query's id.
        text: What was asked; empty where another user asked it.
        gain: By the metric: above 0 it is won, below it is lost.
        rank: Place of the first right document with the system; None where it is not in the ranking.
        other: The same with the other system.
    """

    id: str
    text: str
    gain: float
    rank: int | None
    other: int | None


def missed(evaluation: Evaluation, system: str) -> tuple[Missed, ...]:
    """Questions whose right document does not come first, the worst ones first.

    Args:
        evaluation: What `evaluate` gave.
        system: Whose ranking is looked at.

    Raises:
        BadInput: It was not measured.

    Examples:
        >>> from rag_embed.evaluation import Collection, evaluate
        >>> from rag_embed.types import Document
        >>> two = (Document("a", "first"), Document("b", "second"))
        >>> labels = Collection("tiny", two, {"q": "which?"}, {"q": {"b": 1}})
        >>> measured = evaluate({"fixed": lambda texts: [["a", "b"] for _ in texts]}, labels)
        >>> missed(measured, "fixed")
        (Missed(id='q', text='which?', first='a', rank=2),)
    """
    check_system("system", system, evaluation.systems)
    found = evaluation.systems[system].found
    named = zip(evaluation.query_ids, evaluation.texts, found, strict=True) if found else ()
    some = [Missed(id, text, one.first, one.rank) for id, text, one in named if one.rank != 1]
    return tuple(sorted(some, key=lambda one: one.rank or float("inf"), reverse=True))


def turned(
    evaluation: Evaluation, system: str, other: str, metric: str = "ndcg@10"
) -> tuple[Turned, ...]:
    """Questions that a system wins or loses against another, the largest differences first.

    Args:
        evaluation: What `evaluate` gave.
        system: The one that wins or loses.
        other: What it is compared with.
        metric: One that was measured.

    Raises:
        BadInput: A system or the metric was not measured.
    """
    gains = evaluation.scores(system, metric) - evaluation.scores(other, metric)
    ours, theirs = (evaluation.systems[name].found for name in (system, other))
    if not ours or not theirs:
        return ()
    some = [
        Turned(id, text, float(gain), one.rank, two.rank)
        for id, text, gain, one, two in zip(
            evaluation.query_ids, evaluation.texts, gains, ours, theirs, strict=True
        )
        if gain
    ]
    return tuple(sorted(some, key=lambda one: (-abs(one.gain), one.gain)))


def question_tables(
    evaluations: Sequence[Evaluation], system: str, other: str | None, metric: str
) -> list[Table]:
    """Tables of the questions that failed, and of those won and lost, at most `MOST` in each.

    Args:
        evaluations: One per collection.
        system: Whose questions are listed.
        other: What it is compared with; None for nothing.
        metric: What is won and lost by.
    """
    tables = []
    for one in evaluations:
        if some := missed(one, system):
            tables.append(_missed(one, system, some))
        if other is not None and (differ := turned(one, system, other, metric)):
            tables.append(_turned(one, system, other, metric, differ))
    return tables


def compared_with(system: str, baseline: str, gains: Sequence[Row]) -> str | None:
    """The best of the other systems; the baseline where gains over all were not asked for."""
    if gains:
        return max(gains, key=lambda row: (row.collection is None, row.mean.value)).system
    return None if system == baseline else baseline


def _missed(evaluation: Evaluation, system: str, some: Sequence[Missed]) -> Table:
    asked = len(evaluation.query_ids)
    rows = [
        (_asked(one), _first(one.first), _place(one.rank, evaluation.depth)) for one in some[:MOST]
    ]
    return Table(
        f"{evaluation.collection}: questions whose right document does not come first with {system}",
        ("question", "what came first", "the right one"),
        tuple(rows),
        labels=2,
        note=f"{len(some)} of {amount(asked, 'query')}, the worst first{_rest(some)}",
    )


def _turned(
    evaluation: Evaluation, system: str, other: str, metric: str, some: Sequence[Turned]
) -> Table:
    rows = [
        (
            _asked(one),
            "won" if one.gain > 0 else "lost",
            _place(one.rank, evaluation.depth),
            _place(one.other, evaluation.depth),
            signed(one.gain),
        )
        for one in some[:MOST]
    ]
    won = sum(one.gain > 0 for one in some)
    return Table(
        f"{evaluation.collection}: questions that {system} wins and loses against {other}",
        ("question", "", f"right one with {system}", f"with {other}", Metric.parse(metric).label),
        tuple(rows),
        labels=2,
        note=f"{won} won, {len(some) - won} lost, the largest differences first{_rest(some)}",
    )


def _place(rank: int | None, depth: int) -> str:
    return f"not among {depth}" if rank is None else f"rank {rank}"


def _first(id: str | None) -> str:
    return "nothing" if id is None else id or "(a private document)"


def _asked(one: Missed | Turned) -> str:
    text = " ".join(one.text.split()) or f"({one.id}, which a user asked)"
    return text if len(text) <= _LETTERS else f"{text[: _LETTERS - 2]} …"


def _rest(some: Sequence[object]) -> str:
    return f"; {len(some) - MOST} more are in the report's JSON." if len(some) > MOST else "."
