"""A SitEmb-v1.5 checkpoint, small and random: the two states, their sum, and what they may depend on."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3Model

from rag_embed import Document
from rag_embed.encoders.sitemb import CONTEXT, QUERY, SitEmb
from rag_embed.errors import BadInput, ModelUnavailable
from rag_embed.maths.vectors import unit
from rag_embed.types import Chunk

END = "<|endoftext|>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Two layers of Qwen3 with 32 dimensions; a token is a byte."""
    return write_checkpoint(tmp_path_factory.mktemp("models") / "qwen3")


def write_checkpoint(path: Path) -> Path:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {letter: i for i, letter in enumerate([END, *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocab, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token=END).save_pretrained(path)
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=len(vocab),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        initializer_range=0.3,
    )
    Qwen3Model(config).save_pretrained(path)
    return path


DOCUMENT = Document("d", "The fox is red. It hunts at night. Owls do so too. The end came.")
EDGES = (0, 15, 34, 49, 64)
CHUNKS = [Chunk.of(DOCUMENT, a, b) for a, b in pairwise(EDGES)]


def states(space: SitEmb, text: str, left: int) -> np.ndarray:
    """Last hidden states of one text behind ``left`` tokens of padding, as the card pads."""
    ids = space.tokenizer(text, add_special_tokens=False)["input_ids"]
    tokens = torch.tensor([[space._end] * left + ids])
    mask = torch.tensor([[0] * left + [1] * len(ids)])
    places = (mask.cumsum(dim=1) - 1).clamp(min=0)
    with torch.inference_mode():
        out = space.model(input_ids=tokens, attention_mask=mask, position_ids=places)
    ends = [i for i, token in enumerate(tokens[0].tolist()) if token == space._end and i >= left]
    return out.last_hidden_state[0, ends].numpy()


@pytest.mark.parametrize("factor", [0.0, 0.5, 0.8])
def test_rows_are_those_of_the_cards_sequence(folder, factor) -> None:
    space = SitEmb(folder, factor=factor, group=2)
    rows = space.encode_chunks([(DOCUMENT, CHUNKS)])
    assert rows.dtype == np.float32 and rows.shape == (4, 32)
    for i, chunk in enumerate(CHUNKS):
        context = DOCUMENT.text[0:34] if i < 2 else DOCUMENT.text[34:64]
        found = states(space, f"{chunk.text}{END}{CONTEXT}{context}{END}", left=7 * i)
        first, last = unit(found)
        np.testing.assert_allclose(rows[i], (1 - factor) * first + factor * last, atol=2e-5)
    query = space.encode_query(["red"])
    np.testing.assert_allclose(query, unit(states(space, f"{QUERY}red{END}", 3)), atol=2e-5)
    assert space.signature.chunks == f"sitemb({factor!r},2)" and space.signature.pooling == "eos"


def test_a_score_is_the_weighted_mean_of_two_similarities(folder) -> None:
    chunk_only, situated = (SitEmb(folder, factor=f, group=4) for f in (0.0, 1.0))
    query = chunk_only.encode_query(["owls"])[0]
    both = SitEmb(folder, group=4).encode_chunks([(DOCUMENT, CHUNKS)]) @ query
    parts = [space.encode_chunks([(DOCUMENT, CHUNKS)]) @ query for space in (chunk_only, situated)]
    np.testing.assert_allclose(both, np.mean(parts, axis=0), atol=1e-5)


def test_context_reaches_the_situated_state_of_its_group_alone(folder) -> None:
    text = DOCUMENT.text[:34] + " Owls do so two. The end came."[-30:]
    changed = Document("d", text)
    same = [Chunk.of(changed, chunk.start, chunk.end) for chunk in CHUNKS]
    space = SitEmb(folder, group=2)
    before = space.encode_chunks([(DOCUMENT, CHUNKS)])
    after = space.encode_chunks([(changed, same)])
    np.testing.assert_array_equal(before[:2], after[:2])
    assert np.abs(before[2:] - after[2:]).max(axis=1).min() > 1e-4
    alone = SitEmb(folder, factor=0.0, group=2)
    first, second = (
        alone.encode_chunks([(DOCUMENT, CHUNKS)]),
        alone.encode_chunks([(changed, same)]),
    )
    np.testing.assert_allclose(first[3], second[3], atol=1e-6)
    other = Document("e", "Another one.")
    group = (other, [Chunk.of(other, 0, 12)])
    with_other = space.encode_chunks([group, (DOCUMENT, CHUNKS)])
    np.testing.assert_allclose(with_other[1:], before, atol=1e-6)
    assert space.encode_chunks([]).shape == (0, 32) == space.encode_query([]).shape


def test_a_long_context_is_cut_and_a_chunk_never(folder) -> None:
    roomy = SitEmb(folder, group=4)
    short = SitEmb(folder, group=4, max_tokens=len(CONTEXT) + 40, instruction=CONTEXT)
    a, b = (s.encode_chunks([(DOCUMENT, CHUNKS)]) for s in (roomy, short))
    assert a.shape == b.shape and np.abs(a - b).max() > 1e-4
    whole, cut = (
        SitEmb(folder, factor=0.0, max_tokens=n).encode_chunks([(DOCUMENT, CHUNKS)])
        for n in (4096, 8)
    )
    np.testing.assert_allclose(whole, cut, atol=1e-6)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # in peft
def test_an_adapter_is_merged_into_its_base(folder, tmp_path) -> None:
    peft = pytest.importorskip("peft")
    torch.manual_seed(1)
    base = Qwen3Model.from_pretrained(folder)
    config = peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    peft.get_peft_model(base, config).save_pretrained(tmp_path)
    file = tmp_path / "adapter_config.json"
    file.write_text(
        json.dumps({**json.loads(file.read_text()), "base_model_name_or_path": str(folder)})
    )
    PreTrainedTokenizerFast.from_pretrained(folder).save_pretrained(tmp_path)
    plain, adapted = SitEmb(folder), SitEmb(tmp_path)
    assert plain.signature.weights != adapted.signature.weights
    rows = [space.encode_chunks([(DOCUMENT, CHUNKS)]) for space in (plain, adapted)]
    assert np.abs(rows[0] - rows[1]).max() > 1e-3


def test_what_is_no_checkpoint_is_refused(folder, tmp_path) -> None:
    with pytest.raises(ModelUnavailable, match="holds no weights"):
        SitEmb(tmp_path)
    with pytest.raises(ModelUnavailable, match="no folder"):
        SitEmb(tmp_path / "gone")
    for options in ({"factor": 1.5}, {"factor": float("nan")}, {"group": 0}):
        with pytest.raises(BadInput, match="factor in"):
            SitEmb(folder, **options)
