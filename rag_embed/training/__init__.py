"""Fitting small adapters to your own pairs, and saying honestly whether they help.

`pairs` and `splits` know no model; `losses`, `lora` and `loop` know no task; `expert`, `situated` and
`merge` put them together. Using what was trained belongs to `rag_embed.encoders.adapter`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rag_embed.lazy import lazily

if TYPE_CHECKING:
    from rag_embed.training.expert import Recipe, train_expert
    from rag_embed.training.loop import Schedule
    from rag_embed.training.merge import Domain, merge_experts
    from rag_embed.training.situated import train_situated
    from rag_embed.training.situated_recipe import SituatedRecipe
    from rag_embed.training.sources import Source

_HOMES = {
    "Domain": "training.merge",
    "Recipe": "training.expert",
    "Schedule": "training.loop",
    "SituatedRecipe": "training.situated_recipe",
    "Source": "training.sources",
    "merge_experts": "training.merge",
    "train_expert": "training.expert",
    "train_situated": "training.situated",
}

__all__ = [
    "Domain",
    "Recipe",
    "Schedule",
    "SituatedRecipe",
    "Source",
    "merge_experts",
    "train_expert",
    "train_situated",
]

__getattr__ = lazily(__name__, _HOMES)
