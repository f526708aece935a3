"""What an index is put together from, and what it writes down so that it can be put together again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias, TypeVar, cast

from rag_embed.arguments import lacking
from rag_embed.encoders.absent import Absent
from rag_embed.encoders.rebuilding import Load
from rag_embed.encoders.splade import weighs_terms
from rag_embed.errors import BadInput, ModelUnavailable, SpaceMismatch, adapter_of
from rag_embed.indexing.recipes import by_name, encoder_of, space_by
from rag_embed.indexing.settings import IndexSettings
from rag_embed.protocols import ChunkEncoder, Encoder, Files, SparseEncoder, TokenSpace
from rag_embed.ranking.weights import WEIGHTS, checked
from rag_embed.situated.expressions import situated
from rag_embed.situated.search_only import SearchOnly
from rag_embed.situated.space import kept_in
from rag_embed.situated.tokens import WithTokens, measured, with_tokens
from rag_embed.types import DENSE, LEXICAL, TOKENS, Signature

_log = logging.getLogger(__name__)
T = TypeVar("T")

_STILL = "What needs no encoder works without it."

Situate: TypeAlias = str | Callable[[Encoder], TokenSpace]
"""How much of its document a chunk's vector sees: a name (`situated.expressions`), or for example
``described(write)``."""

_WRAPPERS = {
    "langchain_rag_embed": "EmbeddingsEncoder",
    "llama_index.retrievers.rag_embed": "EmbeddingEncoder",
}


def loaded(encoder: Encoder | SparseEncoder | str | None) -> Encoder:
    """An encoder, or the one of a name; the default model when None.

    Raises:
        BadInput: It is neither.
        ModelUnavailable: It cannot be loaded.
    """
    if isinstance(encoder, SparseEncoder) or (isinstance(encoder, str) and weighs_terms(encoder)):
        raise BadInput(
            "A model that weighs terms (SPLADE) stands beside a dense one: make the index with another "
            "encoder, then index.experts.add_space('splade', model)."
        )
    if encoder is not None and not isinstance(encoder, str):
        if told := lacking(encoder, Encoder):
            adapter = adapter_of(encoder)
            remedy = f"; wrap it in {adapter}.{_WRAPPERS[adapter]}" if adapter else ""
            raise BadInput(
                "encoder is the name or path of a sentence-transformers model, or an Encoder; "
                f"{told}{remedy}."
            )
        return encoder
    from rag_embed import encoders  # keeps `import rag_embed` light

    return encoders.load(encoder) if encoder else encoders.load()


def space_of(
    situate: Situate,
    encoder: Encoder,
    tokens: bool | None,
    weights: Mapping[str, float] | None = None,
) -> ChunkEncoder:
    """How chunks are encoded in a new index.

    Args:
        situate: A name, or what makes the space of an encoder.
        encoder: Encodes.
        tokens: Whether tokens are kept; None keeps them with the models that were measured, unless
            the weights do not count them.
        weights: As chosen for the index; None for the defaults.

    Raises:
        BadInput: The name means nothing, or the encoder cannot do what is asked.
    """
    space = _situated(situate, encoder)
    counts = weights is None or checked(weights, [DENSE, LEXICAL], [TOKENS]).get(TOKENS)
    kept = bool(counts) and measured(space.signature) if tokens is None else tokens
    return WithTokens.of(space) if kept else space


def say_what_is_cut(longest: int | None, space: ChunkEncoder) -> None:
    """Log a warning when chunks of so many tokens may be longer than what the model reads of a text."""
    own = space.signature
    windows = "late" in own.chunks  # reads a chunk of any length, a window at a time
    if longest is not None and longest > own.max_tokens and not windows:
        _log.warning(
            "Chunks may have %d tokens, but %s reads %d: what comes after them has no part in a "
            "chunk's vector. Build the index with chunks of less than %d tokens, or with a model that "
            "reads more (rag-embed extend).",
            longest,
            own.model,
            own.max_tokens,
            own.max_tokens,
        )


def settings_of(
    space: ChunkEncoder,
    splitter: Mapping[str, Any],
    situated: str = "",
    weights: Mapping[str, float] | None = None,
    recipes: Mapping[str, Any] | None = None,
) -> IndexSettings:
    """What a new index remembers.

    Args:
        space: How its chunks are encoded.
        splitter: How its documents are cut; see `cutting.chosen`.
        situated: Why chunks are situated as they are.
        weights: As chosen for the index; None for the defaults.
        recipes: How the space is made again; see `recipes.packed_space`.

    Raises:
        BadInput: A weight does not fit.
    """
    kept = with_tokens(space)
    tokens, stages = (None, []) if kept is None else (kept.settings, [TOKENS])
    mixture = None if weights is None else checked(weights, [DENSE, LEXICAL], stages)
    return IndexSettings(
        space.signature,
        splitter,
        tokens,
        weights=mixture,
        situated=situated,
        recipes={} if recipes is None else {DENSE: recipes},
        contexts=kept_in(space),
    )


def mixture_of(weights: Mapping[str, float] | None, space: ChunkEncoder) -> Mapping[str, float]:
    """How much each leg and second stage of an index counts: as chosen for it, or by default."""
    if weights is not None:
        return weights
    kept = with_tokens(space)
    return {name: one for name, one in WEIGHTS.items() if kept or name != TOKENS}


def space_again(
    settings: IndexSettings,
    encoder: Encoder | None,
    situate: Situate | None,
    place: str,
    files: Files | None,
    load: Load,
) -> tuple[Encoder, ChunkEncoder]:
    """The encoder and the space of an index that is there.

    Args:
        settings: The index's.
        encoder: As given; made by its recipe when None.
        situate: As given; by its recipe or its name when None.
        place: Where the index is.
        files: Those of its store.
        load: Loads models by name.

    Returns:
        Both; where a model is not at hand, what stands in for it and says so when it is asked.

    Raises:
        SpaceMismatch: The encoder is not the one it was built with.
    """
    written = settings.signature
    parts = settings.recipes.get(DENSE) or by_name(written.model)
    what = f"Index.open({place!r}, encoder=...)"
    known, why = _at_hand(lambda: encoder or encoder_of(parts, files, load), what)
    absent = Absent(
        replace(written, chunks="", tokens=""),
        why
        or f"The index at {place!r} was built with {written.model!r}, which only the program that built "
        f"it can make: pass it, {what}. {_STILL}",
    )
    own: Encoder = known or absent
    if situate:
        plain: ChunkEncoder = _situated(situate, own)
    elif known is None:
        plain = SearchOnly(own, written.chunks, absent.remedy)
    else:
        what = f"Index.open({place!r}, situate=...)"
        space, why = _at_hand(lambda: space_by(parts, files, written.chunks, known), what)
        plain = space or SearchOnly(replace(absent, remedy=why), written.chunks, why)
    if settings.tokens is not None:
        plain = WithTokens.from_settings(cast(TokenSpace, plain), settings.tokens)
    check_same(written, plain.signature, f"The index at {place!r}")
    return own, plain


def _at_hand(make: Callable[[], T | None], what: str) -> tuple[T | None, str]:
    """What is made of a recipe, and nothing; or None, and what to do about the model that is lacking."""
    try:
        return make(), ""
    except ModelUnavailable as error:
        return None, f"{error} If it lies elsewhere now, pass it: {what}. {_STILL}"


def check_same(written: Signature, now: Signature, what: str) -> None:
    """Refuse an encoder that vectors were not made by.

    Raises:
        SpaceMismatch: The signatures differ.
    """
    if difference := written.difference(now):
        raise SpaceMismatch(
            f"{what} was built with {written.model!r}; the encoder {now.model!r} differs in "
            f"{{field: (index, encoder)}} {difference}. Pass the original encoder, and the original "
            "situate where chunks or weights differ; or build a new index."
        )


def _situated(situate: Situate, encoder: Encoder) -> TokenSpace:
    if callable(situate):
        return situate(encoder)
    if not isinstance(situate, str):
        raise BadInput(f"situate must be a name or callable, got {type(situate).__name__}.")
    return situated(situate, encoder)
