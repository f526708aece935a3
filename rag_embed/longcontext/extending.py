"""`extend`: a model that reads longer texts, as an ordinary SentenceTransformer."""

from __future__ import annotations

import logging
from typing import Literal

from sentence_transformers import SentenceTransformer

from rag_embed.encoders.models import resolve
from rag_embed.encoders.positions.applied import applied
from rag_embed.encoders.positions.architecture import Architecture
from rag_embed.encoders.positions.extension import Extension, Method, Scaling
from rag_embed.encoders.sentence import sentence_transformer

_log = logging.getLogger(__name__)


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
        >>> from rag_embed.encoders.minilm import DEFAULT
        >>> from rag_embed.longcontext import extension_of
        >>> long = extend(DEFAULT, 4096, "recurrent")
        >>> long.max_seq_length, extension_of(long).trained_tokens
        (4096, 512)
    """
    base = sentence_transformer(model)
    trained = Architecture.of(base).trained if trained_tokens is None else trained_tokens
    if method == "auto":
        from rag_embed.longcontext.probing import probe

        found = probe(base, max_tokens, scaling=scaling, trained_tokens=trained)
        _log.info("%s", found)
        method = found.best
    name = resolve(model).name if isinstance(model, str) else ""
    return applied(base, Extension(method, max_tokens, trained, scaling), name)
