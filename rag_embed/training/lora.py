"""Low-rank adapters inside a torch model: put them in, take them out, encode with gradients."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import torch
from sentence_transformers import SentenceTransformer

from rag_embed.encoders.adapter import Adapter
from rag_embed.encoders.batching import batches
from rag_embed.encoders.sentence import SentenceEncoder
from rag_embed.errors import MissingExtra, UnsupportedModel

Targets: TypeAlias = Literal["attention", "all"]
"""Which linear layers are adapted: queries and values of the attention, or all of them."""

_ATTENTION = re.compile(r"(^|[._])(query|value|q|v|q_proj|v_proj|q_lin|v_lin|wqkv|qkv_proj)$", re.I)
_FACTOR = re.compile(r"^(.+)\.lora_([AB])\.default\.weight$")


def inject(
    encoder: SentenceEncoder, *, rank: int, dropout: float, targets: Targets
) -> dict[str, torch.nn.Parameter]:
    """Put an adapter that changes nothing yet into a model, and freeze all else.

    Args:
        encoder: Changed in place.
        rank: Of every change.
        dropout: Share of a layer's inputs that the adapter does not see in training.
        targets: Which layers.

    Returns:
        The adapter's parameters by name.

    Raises:
        MissingExtra: PEFT is not installed.
        UnsupportedModel: The model has no such layers.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise MissingExtra("peft", "train", "Training an adapter") from error
    inner = transformer(encoder.model)
    linear = [n for n, module in inner.named_modules() if type(module) is torch.nn.Linear]
    names = [name for name in linear if targets == "all" or _ATTENTION.search(name)]
    if not names:
        raise UnsupportedModel(
            f"{encoder.signature.model!r} has no linear layers called like attention queries and "
            f"values, but {len(linear)} others; train with targets='all'."
        )
    for parameter in encoder.model.parameters():
        parameter.requires_grad_(False)
    # The scale of the change is 2, as is usual; Adapter folds it into the factors.
    config = LoraConfig(
        r=rank, lora_alpha=2 * rank, lora_dropout=dropout, target_modules=names, bias="none"
    )
    inject_adapter_in_model(config, inner)
    return {
        name: parameter
        for name, parameter in sorted(inner.named_parameters())
        if parameter.requires_grad
    }


def extract(encoder: SentenceEncoder, tensors: Mapping[str, torch.Tensor]) -> Adapter:
    """The adapter that these values of `inject`'s parameters make."""
    halves: dict[str, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        match = _FACTOR.match(name)
        assert match is not None, name  # inject() makes no others
        halves.setdefault(match[1], {})[match[2]] = tensor.detach().float().cpu()
    return Adapter(
        encoder.signature,
        {
            layer: (both["A"].numpy().copy(), (2.0 * both["B"]).numpy())
            for layer, both in sorted(halves.items())
            if both["B"].any()  # a layer that the output does not depend on never changes
        },
    )


def fill(parameters: Mapping[str, torch.nn.Parameter], tensors: Mapping[str, torch.Tensor]) -> None:
    """Set parameters to values."""
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(tensors[name])


def features(
    ids: Sequence[Sequence[int]], pad: int, device: torch.device
) -> dict[str, torch.Tensor]:
    """Token ids padded to one length, as sentence-transformers modules take them."""
    length = max(map(len, ids))
    tokens = torch.full((len(ids), length), pad, dtype=torch.long)
    mask = torch.zeros_like(tokens)
    for row, some in enumerate(ids):
        tokens[row, : len(some)] = torch.tensor(some, dtype=torch.long)
        mask[row, : len(some)] = 1
    return {"input_ids": tokens.to(device), "attention_mask": mask.to(device)}


def pad_id(encoder: SentenceEncoder) -> int:
    """What a batch is filled with."""
    return int(getattr(encoder.model.tokenizer, "pad_token_id", None) or 0)


def embed(encoder: SentenceEncoder, ids: Sequence[Sequence[int]]) -> torch.Tensor:
    """``(n, dim)`` unit rows of lists of token ids, with gradients."""
    inputs = features(ids, pad_id(encoder), encoder.model.device)
    rows: torch.Tensor = encoder.model(inputs)["sentence_embedding"]
    return torch.nn.functional.normalize(rows.float(), dim=1)


def embedded(encoder: SentenceEncoder, ids: Sequence[Sequence[int]]) -> torch.Tensor:
    """`embed` for any number of texts, without gradients and dropout; on the CPU."""
    encoder.model.eval()
    rows = torch.empty(len(ids), encoder.signature.dim)
    with torch.inference_mode():
        for _, members in batches([len(one) for one in ids], encoder.token_budget):
            rows[members] = embed(encoder, [ids[i] for i in members]).cpu()
    return rows


def transformer(model: SentenceTransformer) -> torch.nn.Module:
    """The part of a model that is adapted.

    Raises:
        UnsupportedModel: The model does not begin with a transformer.
    """
    inner = getattr(model[0], "auto_model", None)
    if not isinstance(inner, torch.nn.Module):
        raise UnsupportedModel(
            f"The first module of the model is a {type(model[0]).__name__}, not a transformer; "
            "adapters are trained in transformers only."
        )
    return inner
