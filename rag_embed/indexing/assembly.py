"""What an index is put together from, and what it writes down so that it can be put together again."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias

from rag_embed.chunking import TokenSplitter
from rag_embed.errors import BadInput, SpaceMismatch, adapter_of, class_of
from rag_embed.indexing.settings import IndexSettings
from rag_embed.protocols import ChunkEncoder, Encoder, TokenSpace
from rag_embed.ranking.weights import checked
from rag_embed.situated.expressions import situated, stored
from rag_embed.situated.tokens import MEASURED, WithTokens
from rag_embed.stores.places import local, place
from rag_embed.types import DENSE, LEXICAL, TOKENS, Signature

_log = logging.getLogger(__name__)

Situate: TypeAlias = str | Callable[[Encoder], TokenSpace]
"""How much of its document a chunk's vector sees: a name (`situated.expressions`), or for example
``described(write)``."""

_NOTE = "encoder.json"
"""A file beside the tables that says the model's name before the store is open: the model is loaded
meanwhile. It saves a second and decides nothing, what the store says counts."""

_ENCODER = ("signature", "encode_query", "encode_document", "token_spans")

_WRAPPERS = {
    "langchain_rag_embed": "EmbeddingsEncoder",
    "llama_index.retrievers.rag_embed": "EmbeddingEncoder",
}


def loaded(encoder: Encoder | str | None) -> Encoder:
    """An encoder, or the one of a name; the default model when None.

    Raises:
        BadInput: It is neither.
        ModelUnavailable: It cannot be loaded.
    """
    if encoder is not None and not isinstance(encoder, str):
        if lacking := [name for name in _ENCODER if not hasattr(encoder, name)]:
            adapter = adapter_of(encoder)
            remedy = f"; wrap it in {adapter}.{_WRAPPERS[adapter]}" if adapter else ""
            raise BadInput(
                "encoder is the name or path of a sentence-transformers model, or an Encoder; "
                f"{class_of(encoder)} has no {' and no '.join(lacking)}{remedy}."
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
    measured = space.signature.fingerprint in MEASURED
    kept = bool(counts) and measured if tokens is None else tokens
    return WithTokens.of(space) if kept else space


def say_what_is_cut(splitter: TokenSplitter, space: ChunkEncoder) -> None:
    """Log a warning when chunks may be longer than what the model reads of a text."""
    own, longest = space.signature, splitter.max_tokens
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
    splitter: TokenSplitter,
    situated: str = "",
    weights: Mapping[str, float] | None = None,
) -> IndexSettings:
    """What a new index remembers.

    Args:
        space: How its chunks are encoded.
        splitter: Cuts its documents.
        situated: Why chunks are situated as they are.
        weights: As chosen for the index; None for the defaults.

    Raises:
        BadInput: A weight does not fit.
    """
    tokens, stages = (space.settings, [TOKENS]) if isinstance(space, WithTokens) else (None, [])
    mixture = None if weights is None else checked(weights, [DENSE, LEXICAL], stages)
    return IndexSettings(
        space.signature, splitter.settings, tokens, weights=mixture, situated=situated
    )


def reopened(
    settings: IndexSettings, encoder: Encoder, situate: Situate | None, place: str
) -> ChunkEncoder:
    """The space of an index that is there.

    Raises:
        SpaceMismatch: The encoder is not the one it was built with.
    """
    written = settings.signature
    plain = _situated(situate, encoder) if situate else stored(written.chunks, encoder)
    space: ChunkEncoder = plain
    if settings.tokens is not None:
        space = WithTokens.from_settings(plain, settings.tokens)
    check_same(written, space.signature, f"The index at {place!r}")
    return space


def check_same(written: Signature, now: Signature, what: str) -> None:
    """Refuse an encoder that vectors were not made by.

    Raises:
        SpaceMismatch: The signatures differ.
    """
    if difference := written.difference(now):
        raise SpaceMismatch(
            f"{what} was built with {written.model!r}; the encoder {now.model!r} differs in "
            f"{{field: (index, encoder)}} {difference}. Pass the original encoder, or build a new "
            "index."
        )


def check_made(path: str | os.PathLike[str], options: Iterable[tuple[str, object, object]]) -> None:
    """Refuse an index that was made with other options.

    Args:
        path: Where it is.
        options: Name, wanted value, and the value it was made with.

    Raises:
        BadInput: Two values differ.
    """
    for name, wanted, own in options:
        if wanted != own:
            raise BadInput(
                f"The index at {os.fspath(path)!r} was made with {name}={own!r}, got {wanted!r}. "
                f"Leave {name} out, or make a new index elsewhere."
            )


def _situated(situate: Situate, encoder: Encoder) -> TokenSpace:
    if callable(situate):
        return situate(encoder)
    if not isinstance(situate, str):
        raise BadInput(f"situate must be a name or callable, got {type(situate).__name__}.")
    return situated(situate, encoder)


def leave_note(uri: str, model: str) -> None:
    """Write the note; nothing happens where the index is not in a folder, or cannot be written."""
    from rag_embed.encoders.cache import write_atomically

    if (folder := local(uri)) is not None:
        write_atomically(folder / _NOTE, json.dumps({"model": model}).encode())


def remove_note(path: str | os.PathLike[str]) -> None:
    """Remove the note, if there is one."""
    Path(place(path), _NOTE).unlink(missing_ok=True)


def loading_ahead(path: str | os.PathLike[str]) -> tuple[str, Future[Encoder]] | None:
    """The model of the note and its encoder, being loaded in the background; None without a note."""
    try:
        model = json.loads((Path(place(path)) / _NOTE).read_text(encoding="utf-8"))["model"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    from rag_embed import encoders

    background = ThreadPoolExecutor(1, thread_name_prefix="encoder")
    loading = background.submit(encoders.load, model)
    background.shutdown(wait=False)
    return model, loading
