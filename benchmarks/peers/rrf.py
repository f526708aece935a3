"""Reciprocal rank fusion with k = 60, as most vector databases have it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.peers import DEPTH, LEGS, Legs
from rag_embed import evaluation as ev

K = 60


def fusions(legs: Legs) -> Mapping[str, ev.System]:
    def system(texts: Sequence[str], /) -> list[list[str]]:
        rankings = []
        for text in texts:
            scores: dict[str, float] = {}
            for leg in LEGS:
                for rank, (id, _) in enumerate(legs.found[leg][text], 1):
                    scores[id] = scores.get(id, 0.0) + 1.0 / (K + rank)
            rankings.append(sorted(scores, key=lambda id: (-scores[id], id))[:DEPTH])
        return rankings

    return {"RRF": system}
