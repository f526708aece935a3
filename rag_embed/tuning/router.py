"""Fitting an index's router to its own labels, kept only if it is no worse on the other half."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rag_embed.evaluation.collection import Collection
from rag_embed.evaluation.verdict import Tried, Verdict, told
from rag_embed.maths.resampling import stratified_paired_bootstrap
from rag_embed.ranking.hybrid import Hybrid
from rag_embed.routing.router import PilotRouter
from rag_embed.tuning.pilots import Mixtures, fitted
from rag_embed.tuning.router_report import DEFAULT, SOFT, measure_routing
from rag_embed.types import OnProgress, Signature


def fit_router(
    hybrid: Hybrid,
    signature: Signature,
    collections: Sequence[Collection],
    *,
    seed: int = 0,
    metric: str = "ndcg@10",
    mixtures: Mixtures | None = None,
    progress: OnProgress | None = None,
) -> Verdict[PilotRouter]:
    """Learn from one half of each collection's queries, measure on the other.

    Args:
        hybrid: `Experts.hybrid`: all legs, experts included.
        signature: Of the index's base encoder.
        collections: Labelled queries whose documents are in the index.
        seed: Of the split and the bootstrap.
        metric: What is reported; pilots are always made with nDCG@10.
        mixtures: See `pilots.learned`.
        progress: Called after each query that is learned from.

    Raises:
        BadInput: No collection, or one that cannot be split by document.
    """
    pilots, held_out = fitted(
        hybrid, signature, collections, seed=seed, mixtures=mixtures, progress=progress
    )
    router = PilotRouter(pilots)
    routed = measure_routing(hybrid, router, held_out, metric=metric, seed=seed)
    pairs = [
        (one.evaluation.scores(SOFT, metric), one.evaluation.scores(DEFAULT, metric))
        for one in routed
    ]
    gain = stratified_paired_bootstrap(pairs, seed=seed)
    default, soft = (np.mean([np.mean(one[side]) for one in pairs]) for side in (1, 0))
    count = sum(len(one.evaluation.query_ids) for one in routed)
    reason = (
        f"Routed {soft:.4f}, default mixture {default:.4f} {metric} on {count} queries that share no "
        f"answering document with the {len(pilots)} pilots: {told(gain)}."
    )
    tried = (Tried("routed", float(soft), gain), Tried("default mixture", float(default)))
    return Verdict("router", router, gain, gain.low > 0, reason, tried, queries=count)
