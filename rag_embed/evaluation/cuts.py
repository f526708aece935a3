"""What a cut of relevance loses, and what it lets through, on labels with unanswerable questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from rag_embed.arguments import check_is, is_number
from rag_embed.errors import BadInput
from rag_embed.evaluation.collection import Collection
from rag_embed.evaluation.run import asked_as
from rag_embed.evaluation.tables import Table
from rag_embed.filters import Filter
from rag_embed.protocols import Retriever
from rag_embed.types import Hit, Query

CUTS = (0.1, 0.2, 0.3, 0.5)
"""Values of ``min_relevance`` that are looked at."""

_BATCH = 32


@dataclass(frozen=True, slots=True)
class Cut:
    """One value of ``min_relevance`` on labels.

    Attributes:
        least: The value.
        lost: Right first hits that are less relevant.
        right: Questions whose first hit is a right one without any cut.
        passed: Unanswerable questions that still get a hit.
        unanswerable: Questions without a relevant document.
    """

    least: float
    lost: int
    right: int
    passed: int
    unanswerable: int


def cuts(
    retriever: Retriever,
    labels: Collection,
    least: Sequence[float] = CUTS,
    *,
    where: Filter | None = None,
    user: str | None = None,
    groups: Sequence[str] = (),
    fresh: float | timedelta | None = None,
    by: str = "",
) -> tuple[Cut, ...]:
    """What cuts of relevance lose and let through.

    A question counts as unanswerable if no document is judged relevant for it: it has no judgement, or none
    above 0.

    Args:
        retriever: What is asked, such as ``index.retriever``.
        labels: Questions, some of them unanswerable.
        least: Values of ``min_relevance``, each between 0 and 1.
        where: Filter of every query.
        user: User of every query; each query's own by default.
        groups: Groups of whoever asks, of every query.
        fresh: As in `Query`.
        by: As in `Query`.

    Returns:
        One per value, in rising order.

    Raises:
        BadInput: A value is out of range, or an option of `Query` is.

    Examples:
        >>> from rag_embed import Document, Index
        >>> from rag_embed.encoders import HashEncoder
        >>> index = Index.in_memory(encoder=HashEncoder())
        >>> report = index.add([Document("a", "The sea is deep.")])
        >>> labels = Collection.of({"deep sea": ["a"], "price of tea": []})
        >>> cuts(index.retriever, labels, [0.5])
        (Cut(least=0.5, lost=0, right=1, passed=0, unanswerable=1),)
    """
    check_is("retriever", retriever, Retriever)
    if not isinstance(least, Sequence) or not all(
        is_number(one) and 0 <= one <= 1 for one in least
    ):
        raise BadInput(f"cuts() looks at a list of numbers between 0 and 1, got {least!r}.")
    options = Query("", 1, where, user, groups=groups, fresh=fresh, by=by)
    judged = set(labels.judged)
    answerable, others = (
        [asked_as(options, labels.query(id)) for id in labels.queries if (id in judged) is side]
        for side in (True, False)
    )
    first = [
        hits[0].relevance
        for hits, one in zip(_asked(retriever, answerable), labels.labelled, strict=True)
        if hits and one.relevant.get(hits[0].chunk.doc_id, 0) > 0
    ]
    open_, found = others, []
    for value in sorted(least):
        open_ = [replace(one, min_relevance=value) for one in open_]
        hits_of = _asked(retriever, open_)
        # What finds nothing so relevant finds nothing more relevant either.
        open_ = [one for one, hits in zip(open_, hits_of, strict=True) if hits]
        lost = sum(one < value for one in first)
        found.append(Cut(value, lost, len(first), len(open_), len(others)))
    return tuple(found)


def _asked(retriever: Retriever, queries: Sequence[Query]) -> list[Sequence[Hit]]:
    parts = [queries[start : start + _BATCH] for start in range(0, len(queries), _BATCH)]
    return [hits for some in parts for hits in retriever.retrieve(some)]


def cuts_table(found: Sequence[Cut]) -> Table:
    """The cuts for a report."""
    rows = [
        (f"{one.least:.1f}", f"{one.lost} of {one.right}", f"{one.passed} of {one.unanswerable}")
        for one in found
    ]
    without = "" if found[0].unanswerable else " These labels have none: add some."
    return Table(
        "What a cut of relevance loses and lets through",
        ("min_relevance", "right first hits lost", "unanswerable questions that get a hit"),
        tuple(rows),
        labels=1,
        note="A question is unanswerable if qrels has no document with a score above 0 for it."
        + without,
    )
