"""`extend`: a model that reads longer texts, as an ordinary SentenceTransformer."""

from __future__ import annotations

import copy
import logging
from dataclasses import dataclass
from typing import Literal, cast, get_args

from sentence_transformers import SentenceTransformer

from rag_embed.errors import BadInput
from rag_embed.longcontext import absolute, attention, rotary
from rag_embed.longcontext.architecture import Architecture
from rag_embed.longcontext.extension import Extension, Method, Scaling

_ATTRIBUTE = "long_context"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Extended:
    """What an extended model remembers.

    Attributes:
        extension: What was done to it.
        original: What it was done to; None where a checkpoint was changed for good.
    """

    extension: Extension
    original: SentenceTransformer | None


def extend(
    model: SentenceTransformer | str,
    max_tokens: int,
    method: Method | Literal["auto"] = "auto",
    *,
    scaling: Scaling = "none",
    trained_tokens: int | None = None,
) -> SentenceTransformer:
    """A copy of a model that reads ``max_tokens`` tokens, without any training.

    | method | positions | short texts | what it does |
    |---|---|---|---|
    | ``recurrent`` | table, rotary | unchanged | counts anew after the trained length |
    | ``grouped`` | table, rotary | unchanged | neighbours share a position |
    | ``interpolated`` | table, rotary | unchanged | positions between the trained ones |
    | ``dynamic`` | rotary | unchanged | lower frequencies (NTK), by the length of the text |
    | ``self-extend`` | rotary | unchanged | far tokens share positions, near ones do not |
    | ``ntk``, ``linear``, ``yarn`` | rotary | changed | lower frequencies for all texts |

    The methods that leave short texts unchanged take each text's own length, never that of its
    batch. Sources: LongEmbed (Zhu et al., EMNLP 2024), SelfExtend (Jin et al., ICML 2024), YaRN (Peng
    et al., ICLR 2024).

    Args:
        model: A sentence-transformers model, which stays as it is and shares its weights with the
            copy; or its name or path.
        max_tokens: Tokens that are read, special tokens included.
        method: One of the above; ``"auto"`` measures those that fit the model (`probe`; minutes on
            a CPU for 4,096 tokens) and takes the best.
        scaling: Of attention logits: ``"log-n"`` sharpens attention in texts beyond the trained
            length; a number is a temperature for all texts (TempScale, Zhou et al., ACL 2025; 0.8 to
            1.0 is usual).
        trained_tokens: Tokens the model was trained on, where that is less than it has positions
            for.

    Raises:
        BadInput: An argument does not fit the model.
        UnsupportedModel: The model's positions cannot be changed; use `windows`.
        ModelUnavailable: The model cannot be loaded.

    Examples:
        >>> from rag_embed.encoders.models import DEFAULT
        >>> long = extend(DEFAULT, 4096, "recurrent")
        >>> long.max_seq_length, extension_of(long).trained_tokens
        (4096, 512)
    """
    base = loaded(model)
    if extension_of(base) is not None:
        raise BadInput("The model is extended already; extend the one it was made from.")
    trained = Architecture.of(base).trained if trained_tokens is None else trained_tokens
    if method == "auto":
        from rag_embed.longcontext.probing import probe

        found = probe(base, max_tokens, scaling=scaling, trained_tokens=trained)
        _log.info("%s", found)
        method = found.best
    return applied(base, Extension(method, max_tokens, trained, scaling))


def applied(model: SentenceTransformer, extension: Extension) -> SentenceTransformer:
    """A copy of the model with the extension; weights are shared.

    Raises:
        BadInput: The extension does not fit the model.
        UnsupportedModel: The model's positions cannot be changed.
    """
    long = copy.deepcopy(model, {id(one): one for one in model.parameters()})
    architecture = Architecture.of(long)
    (absolute if architecture.kind == "absolute" else rotary).install(architecture, extension)
    attention.install(architecture, extension)
    architecture.transformer.unpad_inputs = False  # texts in one row would share their positions
    long.max_seq_length = extension.max_tokens
    remember(long, Extended(extension, model))
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


def loaded(model: SentenceTransformer | str) -> SentenceTransformer:
    """A model, from its name or path if need be.

    Raises:
        ModelUnavailable: It cannot be loaded.
    """
    if not isinstance(model, str):
        return model
    from rag_embed.encoders.sentence import SentenceEncoder

    return SentenceEncoder(model).model
