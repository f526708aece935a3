"""Ways to situate chunks from their recipes: those that take more than a name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rag_embed.encoders.adapter import unpacked
from rag_embed.encoders.recipe import Recipe
from rag_embed.errors import ModelUnavailable
from rag_embed.protocols import ChunkEncoder, Encoder


def rebuilt_space(recipe: Recipe, encoder: Encoder) -> ChunkEncoder:
    """The space of a recipe.

    Args:
        recipe: What `encoders.recipe.recipe_of` said of a space, or of what made it.
        encoder: The index's.

    Raises:
        ModelUnavailable: A model cannot be loaded, or a newer version of rag_embed knows the kind.
    """
    if recipe.kind not in _KINDS:
        raise ModelUnavailable(
            f"Chunks are situated in a way that this version of rag_embed does not know "
            f"({recipe.kind!r}): upgrade it, or pass situate."
        )
    return _KINDS[recipe.kind](recipe, encoder)


def _trained(recipe: Recipe, encoder: Encoder) -> ChunkEncoder:
    from rag_embed.situated.trained import trained

    return trained(unpacked(recipe.files))(encoder)


def _sitemb(recipe: Recipe, encoder: Encoder) -> ChunkEncoder:
    from rag_embed.encoders.sitemb import SitEmb

    return SitEmb(**recipe.settings)


_KINDS: Mapping[str, Callable[[Recipe, Encoder], ChunkEncoder]] = {
    "trained": _trained,
    "sitemb": _sitemb,
}
