"""What an index is put together from, and what it writes down so that it can be put together again."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any, TypeAlias

from rag_embed.chunking import TokenSplitter
from rag_embed.errors import BadInput, SpaceMismatch
from rag_embed.protocols import ChunkEncoder, Encoder, TokenSpace
from rag_embed.ranking.relevance import Calibration, default
from rag_embed.situated.expressions import situated, stored
from rag_embed.situated.tokens import MEASURED, WithTokens
from rag_embed.types import Document, Signature

Situate: TypeAlias = str | Callable[[Encoder], TokenSpace]
"""How much of its document a chunk's vector sees: a name (`situated.expressions`), or for example
``described(write)``."""


def loaded(encoder: Encoder | str | None) -> Encoder:
    """An encoder, or the one of a name; the default model when None.

    Raises:
        ModelUnavailable: It cannot be loaded.
    """
    if encoder is not None and not isinstance(encoder, str):
        return encoder
    from rag_embed import encoders  # keeps `import rag_embed` light

    return encoders.load(encoder) if encoder else encoders.load()


def decided(
    situate: Situate,
    sample: Iterable[Document] | None,
    splitter: TokenSplitter,
    encoder: Encoder,
) -> tuple[Situate, dict[str, Any]]:
    """What ``"auto"`` stands for on a sample, and settings that say why; anything else as it is.

    Raises:
        BadInput: ``"auto"`` comes without a sample or the other way round, or the sample is small.
    """
    if (situate == "auto") != (sample is not None):
        raise BadInput('situate="auto" measures on sample=documents; give both or neither.')
    if sample is None:
        return situate, {}
    from rag_embed.tuning.situate import choose  # only here, it brings a whole trial index

    choice = choose(sample, splitter, encoder)
    return choice.name, {"situated": choice.reason}


def space_of(situate: Situate, encoder: Encoder, tokens: bool | None) -> ChunkEncoder:
    """How chunks are encoded in a new index.

    Args:
        situate: A name, or what makes the space of an encoder.
        encoder: Encodes.
        tokens: Whether tokens are kept; None keeps them with the models that were measured.

    Raises:
        BadInput: The name means nothing, or the encoder cannot do what is asked.
    """
    space = _situated(situate, encoder)
    kept = space.signature.weights in MEASURED if tokens is None else tokens
    return WithTokens.of(space) if kept else space


def settings_of(space: ChunkEncoder, splitter: TokenSplitter) -> dict[str, Any]:
    """What `Index.open` needs beside the store's own settings."""
    own = {"signature": asdict(space.signature), "splitter": splitter.settings}
    if isinstance(space, WithTokens):
        own["tokens"] = space.settings
    return {"index": own}


def signature_of(settings: Mapping[str, Any], place: str) -> Signature:
    """The signature of an index's own space.

    Raises:
        BadInput: The store is not that of an index.
    """
    if "index" not in settings:
        raise BadInput(f"{place!r} is a bare store; open it with LanceStore.open.")
    return Signature(**settings["index"]["signature"])


def reopened(
    settings: Mapping[str, Any], encoder: Encoder, situate: Situate | None, place: str
) -> ChunkEncoder:
    """The space of an index that is there.

    Raises:
        SpaceMismatch: The encoder is not the one it was built with.
    """
    written = signature_of(settings, place)
    plain = _situated(situate, encoder) if situate else stored(written.chunks, encoder)
    space: ChunkEncoder = plain
    if written.tokens:
        space = WithTokens.from_settings(plain, settings["index"]["tokens"])
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


def calibration_of(settings: Mapping[str, Any], weights: str) -> Calibration:
    """What was last fitted for the index, or that of its model."""
    fitted = settings.get("calibration")
    return Calibration(**fitted) if fitted else default(weights)


def _situated(situate: Situate, encoder: Encoder) -> TokenSpace:
    if callable(situate):
        return situate(encoder)
    if not isinstance(situate, str):
        raise BadInput(f"situate must be a name or callable, got {type(situate).__name__}.")
    return situated(situate, encoder)
