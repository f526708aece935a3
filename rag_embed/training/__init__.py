"""Fitting small adapters and re-rankers to your own pairs, and saying honestly whether they help.

`pairs` and `splits` know no model; `losses`, `lora` and `loop` know no task; `expert`, `situated`, `merge` and
`reranker` put them together. Using what was trained belongs to `rag_embed.encoders` and `rag_embed.ranking`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rag_embed.lazy import lazily

if TYPE_CHECKING:
    from rag_embed.training.expert import Recipe, train_expert
    from rag_embed.training.loop import Schedule
    from rag_embed.training.merge import Domain, merge_experts
    from rag_embed.training.reranker import train_reranker
    from rag_embed.training.reranker_recipe import RerankerRecipe
    from rag_embed.training.situated import train_situated
    from rag_embed.training.situated_recipe import SituatedRecipe
    from rag_embed.training.sources import Source

_HOMES = {
    "Domain": "training.merge",
    "Recipe": "training.expert",
    "RerankerRecipe": "training.reranker_recipe",
    "Schedule": "training.loop",
    "SituatedRecipe": "training.situated_recipe",
    "Source": "training.sources",
    "merge_experts": "training.merge",
    "train_expert": "training.expert",
    "train_reranker": "training.reranker",
    "train_situated": "training.situated",
}

__all__ = [
    "Domain",
    "Recipe",
    "RerankerRecipe",
    "Schedule",
    "SituatedRecipe",
    "Source",
    "merge_experts",
    "train_expert",
    "train_reranker",
    "train_situated",
]

__getattr__ = lazily(__name__, _HOMES)
