"""Encoders from their recipes: one function for every kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from rag_embed.encoders.adapter import unpacked
from rag_embed.encoders.hashing import HashEncoder
from rag_embed.encoders.recipe import Recipe
from rag_embed.encoders.windowed import windowed
from rag_embed.errors import ModelUnavailable
from rag_embed.protocols import Encoder, SparseEncoder

Load = Callable[..., Encoder]
"""`encoders.load`."""


def rebuilt(recipe: Recipe, load: Load) -> Encoder:
    """The encoder of a recipe.

    Args:
        recipe: What `recipe_of` said of an encoder.
        load: Loads models by name.

    Raises:
        ModelUnavailable: The model cannot be loaded, or a newer version of rag_embed knows the kind.
    """
    if recipe.kind not in _KINDS:
        raise _unknown(recipe)
    return _KINDS[recipe.kind](recipe, load)


def rebuilt_sparse(recipe: Recipe, load: Callable[..., SparseEncoder]) -> SparseEncoder:
    """The sparse encoder of a recipe.

    Args:
        recipe: What `recipe_of` said of it.
        load: `encoders.load_sparse`.

    Raises:
        ModelUnavailable: The model cannot be loaded, or a newer version of rag_embed knows the kind.
    """
    if recipe.kind != "sparse":
        raise _unknown(recipe)
    options = dict(recipe.settings)
    if "revision" not in options:
        return load(options.pop("model"), **options)
    from rag_embed.encoders import sparse

    pinned: SparseEncoder = sparse.SparseEncoder(**options)
    return pinned


def _unknown(recipe: Recipe) -> ModelUnavailable:
    return ModelUnavailable(
        f"The encoder is of a kind that this version of rag_embed does not know ({recipe.kind!r}): "
        "upgrade it, or pass the encoder."
    )


def _inner(recipe: Recipe, name: str) -> Recipe:
    told = recipe.settings[name]
    return Recipe(told["kind"], told["settings"], recipe.files)


def _model(recipe: Recipe, load: Load) -> Encoder:
    options = dict(recipe.settings)
    revision = options.pop("revision", None)
    if revision is None:
        return load(options.pop("model"), **options)
    from rag_embed.encoders.sentence import SentenceEncoder

    pinned: Encoder = SentenceEncoder(revision=revision, **options)
    return pinned


def _adapted(recipe: Recipe, load: Load) -> Encoder:
    return load(str(unpacked(recipe.files)), **recipe.settings)


def _extended(recipe: Recipe, load: Load) -> Encoder:
    from rag_embed.encoders.positions.applied import applied
    from rag_embed.encoders.positions.extension import Extension
    from rag_embed.encoders.sentence import SentenceEncoder

    options = dict(recipe.settings)
    model, extension = options.pop("model"), Extension(**options.pop("extension"))
    long: Encoder = SentenceEncoder.wrap(
        applied(SentenceEncoder(model).model, extension, model), **options
    )
    return long


def _windows(recipe: Recipe, load: Load) -> Encoder:
    told = recipe.settings
    encoder = rebuilt(_inner(recipe, "over"), load)
    centre = None if told["centre"] is None else np.array(told["centre"], dtype=np.float32)
    return windowed(encoder, told["tokens"], told["overlap"], told["weights"], centre)


def _multivector(recipe: Recipe, load: Load) -> Encoder:
    from rag_embed.encoders.multivector import MultiVectorEncoder
    from rag_embed.encoders.muvera import Muvera

    options = dict(recipe.settings)
    muvera = options.pop("muvera", None)
    many: Encoder = MultiVectorEncoder(muvera=muvera and Muvera(**muvera), **options)
    return many


def _hash(recipe: Recipe, load: Load) -> Encoder:
    return HashEncoder(**recipe.settings)


_KINDS: Mapping[str, Callable[[Recipe, Load], Encoder]] = {
    "model": _model,
    "adapted": _adapted,
    "extended": _extended,
    "windows": _windows,
    "multivector": _multivector,
    "hash": _hash,
}
