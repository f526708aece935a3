"""A model with its positions extended: applied to a copy, remembered with it, restored from a folder."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

from sentence_transformers import SentenceTransformer

from rag_embed.encoders.positions import absolute, attention, rotary
from rag_embed.encoders.positions.architecture import Architecture
from rag_embed.encoders.positions.extension import Extension, Method
from rag_embed.errors import BadInput

_ATTRIBUTE = "long_context"


@dataclass(frozen=True, slots=True, eq=False)
class Extended:
    """What an extended model remembers.

    Attributes:
        extension: What was done to it.
        original: What it was done to; None where a checkpoint was changed for good.
        name: Name or path the original was loaded by; empty where that is not known.
    """

    extension: Extension
    original: SentenceTransformer | None
    name: str = ""


def applied(
    model: SentenceTransformer, extension: Extension, name: str = ""
) -> SentenceTransformer:
    """A copy of the model with the extension; weights are shared.

    Args:
        model: What is extended.
        extension: How.
        name: Name or path the model was loaded by; empty where that is not known.

    Raises:
        BadInput: The extension does not fit the model, or the model is extended already.
        UnsupportedModel: The model's positions cannot be changed.
    """
    if extended(model) is not None:
        raise BadInput("The model is extended already; extend the one it was made from.")
    long = copy.deepcopy(model, {id(one): one for one in model.parameters()})
    architecture = Architecture.of(long)
    (absolute if architecture.kind == "absolute" else rotary).install(architecture, extension)
    attention.install(architecture, extension)
    architecture.transformer.unpad_inputs = False  # texts in one row would share their positions
    long.max_seq_length = extension.max_tokens
    remember(long, Extended(extension, model, name))
    return long.eval()


def remember(model: SentenceTransformer, what: Extended) -> None:
    """Leave a note with a model; it is neither a weight nor saved by sentence-transformers."""
    setattr(model[0], _ATTRIBUTE, what)


def extended(model: SentenceTransformer) -> Extended | None:
    """What a model remembers of `extend`; None for any other model."""
    return cast("Extended | None", getattr(model[0], _ATTRIBUTE, None))


def extension_of(model: SentenceTransformer) -> Extension | None:
    """What `extend` did to a model; None for any other model."""
    found = extended(model)
    return None if found is None else found.extension


def methods_for(model: SentenceTransformer) -> list[Method]:
    """All methods that fit a model's kind of positions.

    Raises:
        UnsupportedModel: There is none.
    """
    everything = list(get_args(Method))
    return everything[:3] if Architecture.of(model).kind == "absolute" else everything


def restored(model: SentenceTransformer, folder: Path) -> SentenceTransformer:
    """The model that was loaded from a folder, extended as its side file says, if there is one."""
    extension = Extension.beside(folder)
    if extension is None:
        return model
    if extension.baked:
        remember(model, Extended(extension, None))
        return model
    return applied(model, extension)
