"""Should newer documents count before older ones? Chosen on one half of the labels, judged by the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from rag_embed.errors import BadInput
from rag_embed.evaluation.collection import Collection, halves
from rag_embed.evaluation.verdict import Tried, Verdict, told
from rag_embed.fields import Fields
from rag_embed.maths.metrics import Metric
from rag_embed.maths.resampling import paired_bootstrap
from rag_embed.ranking.freshness import dated
from rag_embed.ranking.hybrid import Hybrid
from rag_embed.types import Fresh

NAME = "fresh"

HALF_LIVES = (7.0, 30.0, 90.0, 365.0, 1460.0)
"""Days that are tried."""

STRENGTHS = (0.05, 0.1, 0.2)


def candidates_of(fields: Fields) -> list[Fresh]:
    """What is tried for each declared field of dates.

    Raises:
        BadInput: None is declared.
    """
    if not fields.dates:
        dated("", fields)  # says what is lacking
    return [
        Fresh(days, by, strength)
        for by in fields.dates
        for days in HALF_LIVES
        for strength in STRENGTHS
    ]


def fit_freshness(
    hybrid: Hybrid,
    labels: Collection,
    candidates: Sequence[Fresh] | None = None,
    *,
    metric: str = "ndcg@10",
    seed: int = 0,
) -> Verdict[Fresh]:
    """Choose among half-lives and strengths on one half of the queries, and measure the choice on the other.

    Ages are those of today, as they are when one searches: labels should be of questions that are asked now.

    Args:
        hybrid: What serves the index; what it says without freshness is the measure.
        labels: Judged queries whose documents are in the index.
        candidates: What is tried; None for `candidates_of`.
        metric: As in `maths.metrics`.
        seed: Deals the halves and draws the bootstrap.

    Raises:
        BadInput: No query has an answer, the queries cannot be split by document, or there is no
            field of dates.
    """
    if not labels.judged:
        raise BadInput(f"{labels.name!r} has no query with a relevant document; label some.")
    among = candidates_of(hybrid.store.fields) if candidates is None else list(candidates)
    if not among or not all(isinstance(one, Fresh) for one in among):
        raise BadInput("The candidates of 'fresh' are rag_embed.types.Fresh, one at least.")
    among = [replace(one, by=dated(one.by, hybrid.store.fields)) for one in among]
    train, test = halves(labels, seed)
    parsed = Metric.parse(metric)
    means = [float(_measured(hybrid, train, one, parsed).mean()) for one in among]
    chosen = among[int(np.argmax(np.round(means, 6)))]
    now, after = (_measured(hybrid, test, one, parsed) for one in (None, chosen))
    gain = paired_bootstrap(after, now, seed=seed)
    reason = (
        f"{metric} on {len(now)} queries held out: {after.mean():.4f} with {chosen.label}, "
        f"{now.mean():.4f} without; {told(gain)}."
    )
    tried = (
        Tried(chosen.label, float(after.mean()), gain),
        Tried("without", float(now.mean())),
    )
    return Verdict(NAME, chosen, gain, gain.low > 0, reason, tried, queries=len(now))


def _measured(
    hybrid: Hybrid, labels: Collection, fresh: Fresh | None, metric: Metric
) -> npt.NDArray[np.float64]:
    """The metric of each judged query."""
    asked = [replace(one.query, k=metric.k, group_by="document") for one in labels.labelled]
    found = replace(hybrid, fresh=fresh).retrieve(asked)
    scores = [
        metric([hit.chunk.doc_id for hit in hits], one.relevant)
        for hits, one in zip(found, labels.labelled, strict=True)
    ]
    return np.array(scores, dtype=np.float64)
