"""Attention over more tokens than in training: sharper logits, and SelfExtend.

One attention function, registered with transformers, serves every model that takes one. It calls the
ordinary one and computes anew what an extension changes, text by text.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from rag_embed.encoders.positions.architecture import Architecture
from rag_embed.encoders.positions.extension import Extension, Scaling
from rag_embed.encoders.positions.lengths import current, note_lengths
from rag_embed.encoders.positions.rotary import full_attention, inverse_frequencies
from rag_embed.encoders.positions.self_extend import SelfExtend
from rag_embed.errors import UnsupportedModel
from rag_embed.maths.positions import group_and_window

NAME = "rag_embed_long"
_SETTINGS = "long_attention"


@dataclass(frozen=True, slots=True, eq=False)
class LongAttention:
    """What one attention module does differently.

    Attributes:
        scaling: Of its logits.
        trained: Tokens the model was trained on.
        self_extend: How it sees distant tokens; None for as it learned to.
    """

    scaling: Scaling
    trained: int
    self_extend: SelfExtend | None = None

    def sharpened(self, rows: torch.Tensor) -> torch.Tensor:
        """``(n, ...)`` queries, or logits, times what their text's logits are multiplied by."""
        if self.scaling == "none":
            return rows
        if self.scaling != "log-n":
            return rows / self.scaling
        counts = current().counts.clamp(min=1).to(torch.float32)
        factors = (counts.log() / math.log(self.trained)).clamp(min=1.0)
        if bool((factors == 1).all()):
            return rows
        return rows * factors.view(-1, *[1] * (rows.ndim - 1)).to(rows.dtype)


def forward(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **options: Any,  # noqa: ANN401  # the interface of transformers
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """See `transformers.AttentionInterface`: ``(n, padded, heads, dim)`` and no weights."""
    settings: LongAttention = getattr(module, _SETTINGS)
    query = settings.sharpened(query)
    output, weights = sdpa_attention_forward(module, query, key, value, attention_mask, **options)
    if settings.self_extend is None:
        return output, weights
    lengths = current()
    for text in torch.nonzero(lengths.counts > settings.trained).ravel().tolist():
        start, count = int(lengths.starts[text]), int(lengths.counts[text])
        own = slice(start, start + count)
        output[text, own] = settings.self_extend.attend(
            query[text, :, own],
            key[text, :, own],
            value[text, :, own],
            options.get("scaling"),
            causal=bool(getattr(module, "is_causal", False)),
        )
    return output, weights


AttentionInterface.register(NAME, forward)
AttentionMaskInterface.register(NAME, sdpa_mask)  # without it padding would be attended to


def install(architecture: Architecture, extension: Extension) -> None:
    """Make the attention of a model follow an extension.

    Raises:
        UnsupportedModel: The model does not let its attention be changed.
    """
    backbone = architecture.backbone
    extends = extension.method == "self-extend"
    if extension.scaling == "none" and not extends:
        return
    if architecture.kind == "absolute" and backbone.config.model_type == "mpnet":
        _sharpen_mpnet(architecture, extension)
        return
    far = None
    if extends:
        group, window = group_and_window(extension.scale, extension.trained_tokens)
        layer_type = full_attention(backbone)
        far = SelfExtend(group, window, inverse_frequencies(backbone.rotary_emb, layer_type))
    for module in _attentions(backbone):
        local = getattr(module, "sliding_window", None) is not None
        # What a local layer looks at is never longer than in training; a temperature is for all.
        scaling = "none" if local and extension.scaling == "log-n" else extension.scaling
        settings = LongAttention(scaling, extension.trained_tokens, None if local else far)
        setattr(module, _SETTINGS, settings)
    backbone.set_attn_implementation(NAME)
    note_lengths(architecture.transformer, extension.trained_tokens)


def _attentions(backbone: torch.nn.Module) -> list[torch.nn.Module]:
    """The modules that call the attention function: they say how it scales or masks."""
    found = [module for module in backbone.modules() if hasattr(module, "is_causal")]
    if not found:
        raise UnsupportedModel(
            f"{type(backbone).__name__} computes its attention by itself, so its logits cannot be "
            "scaled. Use scaling='none'."
        )
    return found


def _sharpen_mpnet(architecture: Architecture, extension: Extension) -> None:
    """MPNet computes its attention by itself: queries and the bias of distances are scaled."""
    settings = LongAttention(extension.scaling, extension.trained_tokens)
    for layer in architecture.backbone.encoder.layer:
        layer.attention.attn.q.register_forward_hook(_SharpQueries(settings))
        layer.attention.attn.register_forward_pre_hook(_SharpBias(settings))
    note_lengths(architecture.transformer, extension.trained_tokens)


@dataclass(frozen=True, slots=True, eq=False)
class _SharpQueries:
    settings: LongAttention

    def __call__(self, _: torch.nn.Module, __: Any, queries: torch.Tensor) -> torch.Tensor:  # noqa: ANN401
        return self.settings.sharpened(queries)


@dataclass(frozen=True, slots=True, eq=False)
class _SharpBias:
    settings: LongAttention

    def __call__(self, _: torch.nn.Module, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        states, mask, bias, *others = arguments
        return (states, mask, self.settings.sharpened(bias), *others)
