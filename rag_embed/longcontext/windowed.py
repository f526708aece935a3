"""`windows`: a model reads texts of any length, cut up into windows that it reads as it is."""

from __future__ import annotations

from typing import cast, get_args

from sentence_transformers import SentenceTransformer

from rag_embed import encoders
from rag_embed.arguments import count
from rag_embed.encoders.sentence import SentenceEncoder
from rag_embed.encoders.windowed import Weights, Windows, windowed
from rag_embed.errors import BadInput
from rag_embed.maths.positions import spans
from rag_embed.protocols import Encoder

_SPECIAL = 2
_MARGIN = 8
"""A window that begins inside a word can have a few tokens more when it stands alone."""


def windows(
    model: SentenceTransformer | Encoder | str,
    tokens: int | None = None,
    *,
    overlap: int = 0,
    weights: Weights = "equal",
) -> Windows:
    """An encoder that reads texts of any length as the mean of their windows.

    The parallel context windows of LongEmbed (Zhu et al., EMNLP 2024): linear in the length, for any
    model, the vector of a text of one window unchanged.

    Args:
        model: A model, an encoder, or the name or path of a model.
        tokens: Tokens of a window, special tokens left out; what the model reads by default.
        overlap: Tokens that a window repeats from the one before.
        weights: ``"equal"``; ``"tokens"`` lets a window count by its tokens; ``"novelty"`` lets it
            count by how far it is from the text's mean, so that what is said once is not drowned
            by what is repeated (`maths.windowing.novelty`; not from the paper).

    Raises:
        BadInput: A number is out of range.
        ModelUnavailable: The model cannot be loaded.

    Examples:
        >>> from rag_embed.encoders import HashEncoder
        >>> encoder = windows(HashEncoder(), 3)
        >>> encoder.encode_document(["a b c d e f", "a b c"]).shape
        (2, 256)
        >>> rows, owners = encoder.encode_windows(["a b c d e f", "a b c"])
        >>> owners.tolist()
        [0, 0, 1]
    """
    if weights not in get_args(Weights):
        raise BadInput(f"weights must be one of {list(get_args(Weights))}, got {weights!r}.")
    encoder = _encoder(model)
    signature = encoder.signature
    prompt = len(encoder.token_spans(signature.document_prompt))
    room = signature.max_tokens - _SPECIAL - _MARGIN - prompt
    size = max(1, room) if tokens is None else count("tokens", tokens)
    overlap = count("overlap", overlap, 0)
    spans(0, size, overlap)  # complains if they are out of range
    if size > max(1, signature.max_tokens - _SPECIAL - prompt):
        raise BadInput(
            f"A window of {size} tokens does not fit the model, which reads "
            f"{signature.max_tokens - _SPECIAL - prompt} beside special tokens and its prompt."
        )
    return windowed(encoder, size, overlap, weights)


def _encoder(model: SentenceTransformer | Encoder | str) -> Encoder:
    if isinstance(model, str):
        return encoders.load(model)
    if isinstance(model, SentenceTransformer):
        return cast(Encoder, SentenceEncoder.wrap(model))
    return model
