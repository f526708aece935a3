"""Whether relevance fitted to an index's own labels is nearer the truth than what it uses now."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rag_embed.errors import BadInput
from rag_embed.evaluation.collection import Collection
from rag_embed.evaluation.verdict import Tried, Verdict, told
from rag_embed.index import Index
from rag_embed.maths.resampling import paired_bootstrap
from rag_embed.ranking.relevance import Calibration, default, fitted

NAME = "relevance"

FOLDS = 5


def calibrated(index: Index, labels: Collection, *, seed: int = 0) -> Verdict[Calibration]:
    """Fit relevance to labels, and judge it on queries that it was not fitted to.

    Each query's best hit either answers it or not. Relevance is better where its squared distance to
    that (Brier, 1950) is smaller. Every fifth of the queries is judged by a fit to the others.

    Args:
        index: Its shared documents are searched; those of a query's user too.
        labels: Queries; one without a relevant document says that the index holds no answer.
        seed: Deals the queries to the folds.

    Returns:
        The fit to all labels; its gain is how much smaller the squared distance is.

    Raises:
        BadInput: No hit, or every hit, answers its query.
    """
    queries = [labels.query(id, k=1) for id in labels.queries]
    grades = [labels.qrels.get(id, {}) for id in labels.queries]
    hybrid = index.experts.hybrid()
    legs = {leg.name: hybrid.weights.get(leg.name, 0.0) for leg in hybrid.legs}
    basis = default(index.spaces.own.signature.fingerprint, legs)
    found = [
        (hits[0], grade.get(hits[0].chunk.doc_id, 0) > 0)
        for hits, grade in zip(index.search_many(queries), grades, strict=True)
        if hits
    ]
    if not found:
        raise BadInput("No labelled query finds anything; add documents first.")
    answers = np.array([right for _, right in found])
    scores, cosines, levels = np.array([basis.basis(hit.parts) for hit, _ in found]).T
    whole = fitted(scores.tolist(), cosines.tolist(), answers.tolist(), levels.tolist())
    whole = replace(whole, leg=basis.leg, weights=basis.weights)
    before = (np.array([hit.relevance for hit, _ in found]) - answers) ** 2
    after = np.full(len(answers), np.nan)
    fold = np.random.default_rng(seed).permutation(len(answers)) % FOLDS
    for one in range(FOLDS):
        rest, held = fold != one, fold == one
        if len({*answers[rest].tolist()}) < 2:
            continue
        try:
            fit = fitted(*(column[rest].tolist() for column in (scores, cosines, answers, levels)))
        except BadInput:  # of these alone there is no fit: what there is would have stayed
            after[held] = before[held]
            continue
        after[held] = _errors(fit, np.stack([scores, cosines, levels], axis=1)[held], answers[held])
    measured = ~np.isnan(after)
    if measured.sum() < FOLDS:
        reason = f"{len(answers)} labelled queries are too few to judge the fit."
        return Verdict(NAME, whole, None, False, reason)
    gain = paired_bootstrap(-after[measured], -before[measured], seed=seed)
    now, then = float(before[measured].mean()), float(after[measured].mean())
    tried = (Tried("fitted", -then, gain), Tried("as it is", -now))
    reason = (
        f"Squared distance to the labels {then:.4f} fitted, {now:.4f} as it is, on {measured.sum()} "
        f"queries held out: {told(gain)} better. "
        "That is how far relevance is from 1 where the best hit answers and from 0 where it does not: 0 "
        "would be always sure and right, .25 is what saying .5 of every hit has."
    )
    return Verdict(NAME, whole, gain, gain.low > 0, reason, tried, queries=int(measured.sum()))


def _errors(calibration: Calibration, known: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """``(n,)`` squared distances of relevance to the truth."""
    relevance = [calibration.relevance(*one) for one in known.tolist()]
    errors: np.ndarray = (np.array(relevance) - answers) ** 2
    return errors
