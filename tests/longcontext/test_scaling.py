"""Logit scaling against attention computed by hand, and where it must do nothing."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from longcontext.tiny_models import TRAINED, text

from rag_embed.longcontext import extend

KINDS = [
    "bert",
    "distilbert",
    "roberta",
    "nomic_bert",
    "modernbert",
    "qwen3",
    "gemma3_text",
    "mpnet",
]


@pytest.mark.parametrize("kind", KINDS)
def test_a_temperature_is_that_of_the_model_itself(tiny, kind):
    """Stock attention with another ``scaling``, where the stock model has such a number."""
    base = tiny(kind)
    method = "recurrent"
    one = text(20)
    found = extend(base, 128, method, scaling=0.8).encode(one)
    assert np.abs(found - base.encode(one)).max() > 1e-4
    if kind == "mpnet":
        expected = _mpnet(base, 0.8).encode(one)
    elif kind == "modernbert":
        expected = _rotary(base, 0.8).encode(one)
    else:
        expected = copy.deepcopy(base)
        changed = 0
        for module in expected[0].model.modules():
            if hasattr(module, "scaling") and hasattr(module, "is_causal"):
                module.scaling = module.scaling / 0.8
                changed += 1
        assert changed == 2
        expected = expected.encode(one)
    np.testing.assert_allclose(found, expected, atol=2e-6)


def _mpnet(base, temperature):
    """All of the logits: queries, and the bias of distances."""
    other = copy.deepcopy(base)
    encoder = other[0].model.encoder
    with torch.no_grad():
        encoder.relative_attention_bias.weight /= temperature
        for layer in encoder.layer:
            layer.attention.attn.q.weight /= temperature
            layer.attention.attn.q.bias /= temperature
    return other


def _rotary(base, temperature):
    """ModernBERT's scale is no attribute; the length of rotated rows does the same."""
    other = copy.deepcopy(base)
    for name in ("full_attention", "sliding_attention"):
        setattr(other[0].model.rotary_emb, f"{name}_attention_scaling", temperature**-0.5)
    return other


@pytest.mark.parametrize("kind", KINDS)
def test_log_n_begins_behind_the_trained_length(tiny, kind):
    base = tiny(kind)
    plain = extend(base, 128, "recurrent")
    sharp = extend(base, 128, "recurrent", scaling="log-n")
    for count in (5, TRAINED):
        np.testing.assert_array_equal(sharp.encode(text(count)), base.encode(text(count)))
    for count in (TRAINED + 8, 128):
        one = text(count)
        assert np.abs(sharp.encode(one) - plain.encode(one)).max() > 1e-5


@pytest.mark.parametrize("kind", ["bert", "nomic_bert", "qwen3", "mpnet"])
def test_log_n_is_a_temperature_of_each_text(tiny, kind):
    base = tiny(kind)
    sharp = extend(base, 128, "recurrent", scaling="log-n")
    for count in (50, 128):
        temperature = math.log(TRAINED) / math.log(count)
        one = text(count)
        expected = extend(base, 128, "recurrent", scaling=temperature).encode(one)
        np.testing.assert_allclose(sharp.encode(one), expected, atol=2e-6)
