"""A `VectorStoreQuery` as a rag_embed search: which legs, how many candidates, which score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryMode

from rag_embed.errors import BadInput
from rag_embed.filters import Filter
from rag_embed.protocols import Leg, Store
from rag_embed.ranking import POOL, DenseLeg, Hybrid, LexicalLeg, default
from rag_embed.types import Hit, Principal, Query

_DENSE: Leg = DenseLeg("dense", None)
_LEXICAL: Leg = LexicalLeg("lexical")
_LEGS: dict[VectorStoreQueryMode, tuple[Leg, ...]] = {
    VectorStoreQueryMode.DEFAULT: (_DENSE,),
    VectorStoreQueryMode.MMR: (_DENSE,),
    VectorStoreQueryMode.TEXT_SEARCH: (_LEXICAL,),
    VectorStoreQueryMode.SPARSE: (_LEXICAL,),
    VectorStoreQueryMode.HYBRID: (_DENSE, _LEXICAL),
}


@dataclass(frozen=True, slots=True)
class Diversity:
    """How MMR is asked for.

    Attributes:
        threshold: 1 looks at similarity alone, 0 at difference alone; ``None`` is 0.5.
        prefetch_factor: Candidates as a multiple of the results.
        prefetch_k: Candidates.
    """

    threshold: float | None = None
    prefetch_factor: float | None = None
    prefetch_k: int | None = None


@dataclass(frozen=True, slots=True)
class Search:
    """A checked query.

    Attributes:
        legs: What searches.
        query: What is searched for.
        weights: Of the legs.
        pool: Candidates per leg.
    """

    legs: tuple[Leg, ...]
    query: Query
    weights: dict[str, float]
    pool: int

    def run(self, store: Store) -> list[tuple[Hit, float]]:
        """Hits, best first, each with its similarity: one leg's raw score, or the fused one."""
        calibration = default("", self.weights)
        hybrid = Hybrid(store, self.legs, self.weights, calibration, pool=self.pool)
        [hits] = hybrid.retrieve([self.query])
        return [(hit, hit.parts[0].raw if len(self.legs) == 1 else hit.score) for hit in hits]


def search_of(
    asked: VectorStoreQuery, where: Filter | None, whom: Principal, mmr: Diversity
) -> Search:
    """Check a query.

    Args:
        asked: The query.
        where: What restricts it.
        whom: Whose nodes are searched beside the shared ones.
        mmr: How MMR is asked for.

    Raises:
        BadInput: The mode is not supported, or something it needs is missing or out of range.
    """
    mode = VectorStoreQueryMode(asked.mode)
    if mode not in _LEGS:
        raise BadInput(
            f"The mode {mode.value!r} is not supported; use one of {[m.value for m in _LEGS]}."
        )
    legs = _LEGS[mode]
    vectors: dict[str, Any] = {}
    if _DENSE in legs:
        vectors = {"dense": _vector(asked, mode)}
    if _LEXICAL in legs and asked.query_str is None:
        raise BadInput(f"The mode {mode.value!r} needs query_str.")
    text = asked.query_str or "" if _LEXICAL in legs else ""
    k = _count(asked, mode)
    diversity = _diversity(asked, mode, mmr)
    query = Query(
        text,
        k=k,
        where=where,
        user=whom.user,
        groups=whom.groups,
        diversity=diversity,
        vectors=vectors,
    )
    return Search(legs, query, _weights(asked, mode), _pool(asked, mode, k, mmr))


def _vector(asked: VectorStoreQuery, mode: VectorStoreQueryMode) -> Any:  # noqa: ANN401
    if asked.query_embedding is None:
        raise BadInput(
            f"The mode {mode.value!r} needs query_embedding: the vector of the query, from the "
            "model that embedded the nodes."
        )
    return np.asarray(asked.query_embedding, dtype=np.float32)


def _count(asked: VectorStoreQuery, mode: VectorStoreQueryMode) -> int:
    if mode == VectorStoreQueryMode.HYBRID and asked.hybrid_top_k is not None:
        return asked.hybrid_top_k
    if _LEGS[mode] == (_LEXICAL,) and asked.sparse_top_k is not None:
        return asked.sparse_top_k
    return asked.similarity_top_k


def _weights(asked: VectorStoreQuery, mode: VectorStoreQueryMode) -> dict[str, float]:
    if mode != VectorStoreQueryMode.HYBRID:
        return {leg.name: 1.0 for leg in _LEGS[mode]}
    alpha = 0.5 if asked.alpha is None else asked.alpha
    if not 0.0 <= alpha <= 1.0:
        raise BadInput(f"alpha must be between 0 (lexical) and 1 (dense), got {alpha!r}.")
    return {"dense": alpha, "lexical": 1.0 - alpha}


def _diversity(asked: VectorStoreQuery, mode: VectorStoreQueryMode, mmr: Diversity) -> float:
    if mode != VectorStoreQueryMode.MMR:
        if mmr != Diversity():
            raise BadInput(f"mmr_* options need the mode 'mmr', got {mode.value!r}.")
        return 0.0
    threshold = asked.mmr_threshold if mmr.threshold is None else mmr.threshold
    threshold = 0.5 if threshold is None else threshold
    if not 0.0 <= threshold <= 1.0:
        raise BadInput(f"mmr_threshold must be between 0 and 1, got {threshold!r}.")
    return 1.0 - threshold


def _pool(asked: VectorStoreQuery, mode: VectorStoreQueryMode, k: int, mmr: Diversity) -> int:
    if mmr.prefetch_k is not None and mmr.prefetch_factor is not None:
        raise BadInput("Give mmr_prefetch_k or mmr_prefetch_factor, not both.")
    if mmr.prefetch_factor is not None:
        return max(k, int(mmr.prefetch_factor * k), 1)
    if mmr.prefetch_k is not None:
        return max(k, mmr.prefetch_k, 1)
    if mode != VectorStoreQueryMode.HYBRID:
        return max(k, POOL)
    return max(k, POOL, asked.similarity_top_k, asked.sparse_top_k or 0)
