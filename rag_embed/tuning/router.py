"""Fitting an index's router to its own labels, kept only if it is no worse on the other half."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rag_embed.evaluation.collection import Collection
from rag_embed.maths.resampling import Difference, stratified_paired_bootstrap
from rag_embed.ranking.hybrid import Hybrid
from rag_embed.routing.router import PilotRouter
from rag_embed.tuning.pilots import Mixtures, Progress, fitted
from rag_embed.tuning.router_report import DEFAULT, SOFT, Routed, measure_routing
from rag_embed.types import Signature


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A router, and what it was worth on queries that it was not learned from.

    Attributes:
        router: Made of one half of the queries.
        routed: Measured on the other half, one per collection.
        gain: Soft routing less the default mixture, averaged over the collections.
    """

    router: PilotRouter
    routed: tuple[Routed, ...]
    gain: Difference

    @property
    def better(self) -> bool:
        """Whether the gain is above chance."""
        return self.gain.low > 0


def fit_router(
    hybrid: Hybrid,
    signature: Signature,
    collections: Sequence[Collection],
    *,
    seed: int = 0,
    metric: str = "ndcg@10",
    mixtures: Mixtures | None = None,
    progress: Progress | None = None,
) -> Fit:
    """Learn from one half of each collection's queries, measure on the other.

    Args:
        hybrid: `Index.hybrid`: all legs, experts included.
        signature: Of the index's base encoder.
        collections: Labelled queries whose documents are in the index.
        seed: Of the split and the bootstrap.
        metric: What is reported; pilots are always made with nDCG@10.
        mixtures: See `learning.learned`.
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
    return Fit(router, tuple(routed), stratified_paired_bootstrap(pairs, seed=seed))
