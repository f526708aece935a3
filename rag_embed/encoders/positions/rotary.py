"""Models with rotary positions: other frequencies, or other positions, text by text."""

from __future__ import annotations

from typing import Any, cast

import torch

from rag_embed.encoders.positions.architecture import Architecture
from rag_embed.encoders.positions.extension import MAPS, STATIC, Extension
from rag_embed.encoders.positions.lengths import Lengths, current, note_lengths
from rag_embed.errors import BadInput
from rag_embed.maths.positions import Map, ntk

_FULL = "full_attention"


class LongRotary(torch.nn.Module):
    """Rotary positions whose angles depend on the length of each text.

    Layers that look at a fixed window (ModernBERT, Gemma) keep what they have: for them no text is
    longer than in training.

    Args:
        base: The model's own module.
        trained: Tokens the model was trained on.
        how: ``"dynamic"``, or the map of positions.
    """

    def __init__(self, base: torch.nn.Module, trained: int, how: str) -> None:
        super().__init__()
        self.base = base
        self.trained = trained
        self.how = how

    def forward(
        self, x: torch.Tensor, position_ids: torch.Tensor, layer_type: str | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Cosines and sines ``(n, padded, dim)``; what the model has where all texts are short."""
        given = () if layer_type is None else (layer_type,)
        cos, sin = self.base(x, position_ids, *given)
        lengths = current()
        short = lengths.counts <= self.trained
        if layer_type not in (None, _FULL) or bool(short.all()):
            return cos, sin
        angles = self._angles(lengths, position_ids.shape[1], layer_type)
        factor = cast(float, getattr(self.base, f"{_prefix(layer_type)}attention_scaling"))
        keep = short[:, None, None]
        return (
            torch.where(keep, cos, (angles.cos() * factor).to(cos.dtype)),
            torch.where(keep, sin, (angles.sin() * factor).to(sin.dtype)),
        )

    def _angles(self, lengths: Lengths, padded: int, layer_type: str | None) -> torch.Tensor:
        """``(n, padded, dim)`` radians, each frequency twice: rotation is by halves."""
        frequencies = inverse_frequencies(self.base, layer_type)[None, None, :]
        at = lengths.positions(padded)
        if self.how == "dynamic":
            half = frequencies.shape[-1]
            stretch = torch.tensor(
                [ntk(count / self.trained) for count in lengths.counts.tolist()],
                device=frequencies.device,
            )[:, None, None]
            powers = torch.arange(half, device=frequencies.device) / half
            angles = at[..., None].float() * frequencies * stretch ** (-powers)
        else:
            scale = (-(-lengths.counts // self.trained)).clamp(min=1)[:, None]
            angles = _mapped(at, scale, self.trained, cast(Map, self.how))[..., None] * frequencies
        return torch.cat((angles, angles), dim=-1)


def _mapped(at: torch.Tensor, scale: torch.Tensor, trained: int, how: Map) -> torch.Tensor:
    if how == "recurrent":
        return (at % trained).float()
    return (at // scale).float() if how == "grouped" else at / scale


def _prefix(layer_type: str | None) -> str:
    return "" if layer_type is None else f"{layer_type}_"


def inverse_frequencies(base: torch.nn.Module, layer_type: str | None) -> torch.Tensor:
    """``(dim / 2,)`` float32 radians per position of a transformers rotary module."""
    return cast(torch.Tensor, getattr(base, f"{_prefix(layer_type)}inv_freq")).float()


def full_attention(backbone: Any) -> str | None:  # noqa: ANN401
    """The layer type whose positions are extended; None where all layers share one kind."""
    parameters = backbone.config.rope_parameters
    return _FULL if _FULL in parameters else None


def install(architecture: Architecture, extension: Extension) -> None:
    """Change the frequencies for good, or put a `LongRotary` in their place.

    Raises:
        BadInput: The positions are scaled already.
    """
    backbone = architecture.backbone
    parameters = backbone.config.rope_parameters
    layer_type = full_attention(backbone)
    own = parameters if layer_type is None else parameters[layer_type]
    if own["rope_type"] != "default":
        raise BadInput(
            f"The model's rotary positions are scaled already ({own['rope_type']!r}); extend the "
            "model that they were scaled from."
        )
    if extension.method in STATIC:
        scaled = _scaled(own, extension)
        backbone.config.rope_parameters = (
            scaled if layer_type is None else {**parameters, layer_type: scaled}
        )
        backbone.config.max_position_embeddings = extension.max_tokens
        device = next(backbone.parameters()).device
        backbone.rotary_emb = type(backbone.rotary_emb)(config=backbone.config).to(device)
    elif extension.method in (*MAPS, "dynamic"):
        backbone.rotary_emb = LongRotary(
            backbone.rotary_emb, extension.trained_tokens, extension.method
        )
        note_lengths(architecture.transformer, extension.trained_tokens)
    architecture.lengthen_buffers(extension.max_tokens)


def _scaled(own: dict[str, Any], extension: Extension) -> dict[str, Any]:
    """The entry of the configuration, in the words of transformers."""
    factor = extension.max_tokens / extension.trained_tokens
    if extension.method == "ntk":
        return {**own, "rope_theta": own["rope_theta"] * ntk(factor)}
    if extension.method == "linear":
        return {**own, "rope_type": "linear", "factor": factor}
    return {
        **own,
        "rope_type": "yarn",
        "factor": factor,
        "original_max_position_embeddings": extension.trained_tokens,
    }
