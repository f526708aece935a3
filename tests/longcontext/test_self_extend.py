"""SelfExtend against dense attention over every pair's own relative position."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from longcontext.tiny_models import TRAINED, text
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import sdpa_mask

from rag_embed.encoders.positions.self_extend import SelfExtend
from rag_embed.longcontext import extend
from rag_embed.maths import positions

MAX = 128


def test_scores_worked_out_by_hand():
    """Queries and keys of one direction: a logit is the cosine of the angle between positions."""
    count, group, window, frequency = 10, 2, 4, 0.3
    relative = [[0, 1, 2, 3, 4, 4, 5, 5, 6, 6], [1, 0, 1, 2, 3, 3 + 1, 5, 5, 6, 6]]
    at = frequency * torch.arange(count).float()
    rotated = torch.stack([at.cos(), at.sin()], dim=-1)[None]
    far = SelfExtend(group, window, torch.tensor([frequency]))
    weights = far.attend(rotated, rotated, torch.eye(count)[None], 1.0, causal=False)[:, 0]
    for row, distances in enumerate(relative):
        expected = (frequency * torch.tensor(distances)).cos().softmax(dim=0)
        torch.testing.assert_close(weights[row], expected)
    causal = far.attend(rotated, rotated, torch.eye(count)[None], 1.0, causal=True)[:, 0]
    assert causal[0].tolist() == [1] + [0] * 9
    expected = (frequency * torch.tensor([6, 6, 5, 5, 4, 4, 3, 2, 1, 0])).cos().softmax(dim=0)
    torch.testing.assert_close(causal[9], expected)


def test_blocks_of_queries_change_nothing():
    torch.manual_seed(0)
    count = 600
    query, key, value = (torch.randn(2, count, 8) for _ in range(3))
    frequencies = torch.tensor([1.0, 0.1, 0.01, 0.001])
    found = SelfExtend(5, 64, frequencies).attend(query, key, value, None, causal=False)
    relative = positions.self_extend(count, 5, 64)
    # ``query`` and ``key`` count as rotated to their own positions: turn them back first.
    at = torch.arange(count)
    expected = _dense(_turn(query, -at, frequencies), _turn(key, -at, frequencies), value, relative)
    torch.testing.assert_close(found.transpose(0, 1), expected, atol=2e-4, rtol=1e-3)


def _turn(rows, by, frequencies):
    angles = by[:, None].double() * frequencies.double()
    half = rows.shape[-1] // 2
    first, second = rows[..., :half].double(), rows[..., half:].double()
    cos, sin = angles.cos(), angles.sin()
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1).float()


FREQUENCIES: dict[str, torch.Tensor] = {}


def _dense(query, key, value, relative, causal=False):
    """Attention of unrotated rows: every pair's logit with the rotation between its positions."""
    frequencies = FREQUENCIES.get("now", torch.tensor([1.0, 0.1, 0.01, 0.001]))
    heads, count, dim = query.shape
    half = dim // 2
    angles = torch.from_numpy(relative)[..., None].double() * frequencies.double()
    cos, sin = angles.cos(), angles.sin()
    q, k = query.double(), key.double()
    logits = torch.empty(heads, count, count, dtype=torch.float64)
    for head in range(heads):
        a, b = q[head, :, None, :half], q[head, :, None, half:]
        c, d = k[head, None, :, :half], k[head, None, :, half:]
        logits[head] = ((a * c + b * d) * cos - (b * c - a * d) * sin).sum(-1)
    if causal:
        logits = logits.masked_fill(torch.ones(count, count).triu(1).bool(), -torch.inf)
    return ((logits * dim**-0.5).softmax(-1) @ value.double()).float()


class _NoRotation(torch.nn.Module):
    def __init__(self, base):
        super().__init__()
        self.base = base

    def forward(self, x, position_ids, *layer_type):
        if layer_type and layer_type[0] != "full_attention":
            return self.base(x, position_ids, *layer_type)
        cos, sin = self.base(x, position_ids, *layer_type)
        return torch.ones_like(cos), torch.zeros_like(sin)


def _reference(module, query, key, value, attention_mask, scaling=None, **options):
    if getattr(module, "sliding_window", None) is not None:
        from transformers.integrations.sdpa_attention import sdpa_attention_forward

        return sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, **options
        )
    repeats = query.shape[1] // key.shape[1]
    key, value = (some[0].repeat_interleave(repeats, dim=0) for some in (key, value))
    group, window = positions.group_and_window(MAX // TRAINED, TRAINED)
    relative = positions.self_extend(query.shape[2], group, window)
    output = _dense(query[0], key, value, relative, causal=bool(module.is_causal))
    return output.transpose(0, 1)[None], None


AttentionInterface.register("dense_reference", _reference)
AttentionMaskInterface.register("dense_reference", sdpa_mask)


@pytest.mark.parametrize("kind", ["nomic_bert", "modernbert", "qwen3", "eurobert"])
def test_a_model_against_the_dense_reference(tiny, kind):
    """Encoders and a decoder with shared key heads; ModernBERT's local layers stay local."""
    base = tiny(kind)
    long = extend(base, MAX, "self-extend")
    reference = copy.deepcopy(base)
    reference.max_seq_length = MAX
    backbone = reference[0].model
    name = "full_attention_inv_freq" if kind == "modernbert" else "inv_freq"
    FREQUENCIES["now"] = getattr(backbone.rotary_emb, name)
    backbone.rotary_emb = _NoRotation(backbone.rotary_emb)
    backbone.set_attn_implementation("dense_reference")
    for count in (TRAINED + 1, 77, MAX):
        one = text(count, count)
        found, expected = long.encode(one), reference.encode(one)
        np.testing.assert_allclose(found, expected, atol=3e-5)
        assert np.abs(found - extend(base, MAX, "recurrent").encode(one)).max() > 1e-3
    FREQUENCIES.clear()
