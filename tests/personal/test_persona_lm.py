"""A frozen language model reads vectors as it reads tokens."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from personal.tiny_lms import ALL, CAUSAL, ENCODER_DECODER, language_model, tokenizer

from rag_embed.errors import BadInput
from rag_embed.persona.language_model import FrozenLM

PROMPTS = ["file the mail", "please file the red bill now", "file"]
TARGETS = ["red", "blue green", ""]
PREFIXES = ["black", "red blue", ""]


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(params=ALL)
def frozen(request) -> FrozenLM:
    return FrozenLM(*language_model(request.param))


def ids(lm: FrozenLM, text: str) -> list[int]:
    return lm.tokenizer(text, add_special_tokens=False)["input_ids"]


def embedded(lm: FrozenLM, texts: list[str]) -> list[torch.Tensor]:
    """The embeddings of words, as if they were soft prompts."""
    return [lm.embeddings(torch.tensor(ids(lm, text), dtype=torch.long)) for text in texts]


def test_loss_is_that_of_the_model_on_the_words_the_vectors_stand_for(frozen) -> None:
    """Against transformers' own loss on token ids, one text at a time."""
    expected, tokens = 0.0, 0
    for prefix, prompt, target in zip(PREFIXES, PROMPTS, TARGETS, strict=True):
        asked, answer = ids(frozen, f"{prefix} {prompt}"), [*ids(frozen, target), 1]
        if frozen.encoder_decoder:
            given, labels = [*asked, 1], answer
        else:
            given, labels = asked + answer, [-100] * len(asked) + answer
        out = frozen.model(input_ids=torch.tensor([given]), labels=torch.tensor([labels]))
        expected += out.loss.item() * len(answer)
        tokens += len(answer)
    total, count = frozen.loss(embedded(frozen, PREFIXES), PROMPTS, TARGETS)
    assert count == tokens == 6
    assert total.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("beams", [1, 3])
def test_answers_are_those_of_the_model_on_the_words(frozen, beams) -> None:
    """Rows of different length in one batch against each alone, as token ids."""
    expected = []
    for prefix, prompt in zip(PREFIXES, PROMPTS, strict=True):
        given = [*ids(frozen, f"{prefix} {prompt}"), *([1] if frozen.encoder_decoder else [])]
        out = frozen.model.generate(
            input_ids=torch.tensor([given]),
            attention_mask=torch.ones(1, len(given), dtype=torch.long),
            max_new_tokens=5,
            num_beams=beams,
            do_sample=False,
            pad_token_id=0,
        )[0]
        new = out if frozen.encoder_decoder else out[len(given) :]
        expected.append(frozen.tokenizer.decode(new, skip_special_tokens=True))
    found = frozen.generate(embedded(frozen, PREFIXES), PROMPTS, 5, beams)
    assert found == expected
    assert any(found)


def test_more_prompts_than_a_batch(frozen) -> None:
    rng = np.random.default_rng(0)
    prompts = [" ".join(rng.choice(["file", "red", "now"], rng.integers(1, 6))) for _ in range(40)]
    soft = embedded(frozen, ["black"] * 40)
    one_by_one = [frozen.generate(soft[i : i + 1], prompts[i : i + 1], 3, 1)[0] for i in range(40)]
    assert frozen.generate(soft, prompts, 3, 1) == one_by_one


def test_gradients_reach_the_vectors_and_nothing_else(frozen) -> None:
    soft = [one.clone().requires_grad_() for one in embedded(frozen, ["red", "blue", "green"])]
    frozen.loss(soft, PROMPTS, TARGETS)[0].backward()
    assert all(one.grad is not None and one.grad.abs().max() > 0 for one in soft)
    assert all(p.grad is None and not p.requires_grad for p in frozen.model.parameters())


@pytest.mark.parametrize("kind", ["gpt2", "gemma", "t5", "bart"])
def test_length_of_a_token_is_that_of_its_vector_as_the_model_reads_it(kind) -> None:
    model, words = language_model(kind)
    lengths = model.get_input_embeddings()(torch.arange(16)).norm(dim=1)
    assert FrozenLM(model, words).token_length() == pytest.approx(lengths.mean().item(), rel=1e-5)


@pytest.mark.parametrize("kind", ["llama", "bart"])
def test_fingerprint_is_of_the_weights_not_of_their_precision(kind) -> None:
    first = FrozenLM(*language_model(kind)).fingerprint()
    assert FrozenLM(*language_model(kind)).fingerprint() == first
    assert FrozenLM(*language_model(kind, seed=1)).fingerprint() != first
    model, words = language_model(kind)
    assert FrozenLM(model.to(torch.bfloat16), words).fingerprint() == first
    with torch.no_grad():
        next(model.parameters())[0, 0] += 1
    assert FrozenLM(model, words).fingerprint() != first


def test_settings_for_sampling_do_not_matter() -> None:
    model, words = language_model("llama")
    plain = FrozenLM(model, words).generate([torch.zeros(1, 16)], ["file"], 4, 1)
    model.generation_config.do_sample = True
    model.generation_config.temperature = 0.5
    model.generation_config.top_p = 0.5
    assert FrozenLM(model, words).generate([torch.zeros(1, 16)], ["file"], 4, 1) == plain


@pytest.mark.parametrize("kind", CAUSAL)
def test_too_long_is_told_before_the_model_fails(kind) -> None:
    lm = FrozenLM(*language_model(kind))
    soft, prompt = [torch.zeros(2, lm.width)], ["file " * 20]
    lm.generate(soft, prompt, 10, 1)
    with pytest.raises(BadInput, match="20 tokens.*2 vectors.*11.*33.*reads 32"):
        lm.generate(soft, prompt, 11, 1)
    with pytest.raises(BadInput, match="reads 32"):
        lm.loss(soft, prompt, ["red " * 11])


@pytest.mark.parametrize("kind", ENCODER_DECODER)
def test_encoder_decoders_need_no_room_for_the_answer(kind) -> None:
    lm = FrozenLM(*language_model(kind))
    assert lm.generate([torch.zeros(2, lm.width)], ["file " * 20], 20, 1)


@pytest.mark.parametrize("arguments", [(0, 1), (True, 1), (1, 0), (1, 1.5)])
def test_numbers_out_of_range(arguments) -> None:
    lm = FrozenLM(*language_model("gpt2"))
    with pytest.raises(BadInput, match="integer >= 1"):
        lm.generate([], [], *arguments)


def test_models_that_cannot_answer_are_refused() -> None:
    from transformers import BertConfig, BertModel

    small = BertConfig(
        vocab_size=16,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=8,
    )
    with pytest.raises(BadInput, match="BertModel cannot generate"):
        FrozenLM(BertModel(small), tokenizer())
    endless = tokenizer()
    endless.eos_token = None
    with pytest.raises(BadInput, match="eos_token"):
        FrozenLM(language_model("gpt2")[0], endless)
