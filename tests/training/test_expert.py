"""Training a query adapter: it helps on unseen documents, or it is not installed."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from rag_embed.encoders import load_adapted
from rag_embed.encoders.adapter import WEIGHTS
from rag_embed.encoders.adapter_card import Card
from rag_embed.encoders.sentence import SentenceEncoder
from rag_embed.errors import BadInput, SpaceMismatch
from rag_embed.training import expert as module
from rag_embed.training.corpus import Corpus
from rag_embed.training.expert import Recipe, train_expert
from rag_embed.training.loop import Schedule, fit
from rag_embed.types import Progress


def test_it_is_better_on_documents_it_has_not_seen(trained, world) -> None:
    folder, card = trained
    corpus, sides = world
    assert card.installed and card.gain.low > 0 and card.after > card.before + 0.05
    assert card.pairs == sides.pairs and card.base == corpus.signature.model
    assert card.weights == corpus.signature.weights and card.data == "a test"
    assert card.history[0][:2] == (0, None) and card.steps > 0
    assert Card.read(folder) == card
    assert "better" in card.verdict


def test_the_installed_encoder_is_the_trained_one(trained, world) -> None:
    """What was measured in training is measured again with the folder alone."""
    folder, card = trained
    corpus, sides = world
    encoder = load_adapted(folder, device="cpu")
    queries = encoder.encode_query([pair.query for pair in sides.held_out])
    again = corpus.ndcg(sides.held_out, queries, np.zeros_like(queries))
    assert again.mean() == pytest.approx(card.after, abs=1e-4)
    assert encoder.signature.weights != corpus.signature.weights


def test_documents_are_never_encoded_again(world, quick, tmp_path, monkeypatch) -> None:
    corpus, sides = world
    before = corpus.vectors.copy()

    def refuse(*_):
        raise AssertionError("a document was encoded")

    monkeypatch.setattr(SentenceEncoder, "encode_document", refuse)
    recipe = replace(quick, pull=0.5, schedule=Schedule(epochs=1))
    train_expert(corpus, sides, tmp_path, recipe=recipe)
    np.testing.assert_array_equal(corpus.vectors, before)


def test_a_pull_keeps_queries_where_they_were(world, quick, tmp_path) -> None:
    corpus, sides = world
    moved = []
    for weight in (0.0, 50.0):
        recipe = replace(quick, pull=weight, schedule=Schedule(5, 2e-3, patience=9))
        model = module.base_encoder(corpus, "cpu")
        plain = module.Encoded.of(model, corpus, sides.train[:48], "chunk")
        parameters = module.inject(model, rank=4, dropout=0.0, targets="attention")
        task = module._Expert(model, corpus, recipe, plain, plain, parameters)
        fit(task, recipe.schedule)
        moved.append(1 - (plain.again(model) * plain.queries).sum(axis=1).mean())
    assert 0 <= moved[1] < 0.3 * moved[0]


def test_what_cannot_be_learned_is_not_installed(make_world, trained, quick, tmp_path) -> None:
    """Queries of other documents: whatever was fitted is chance, and an older expert goes."""
    corpus, sides = make_world(sense=False)
    shutil.copytree(trained[0], tmp_path, dirs_exist_ok=True)
    recipe = replace(quick, schedule=Schedule(2, 2e-3))
    card = train_expert(corpus, sides, tmp_path, recipe=recipe)
    assert not card.installed and "not installed" in card.verdict
    assert sorted(file.name for file in tmp_path.iterdir()) == ["card.json"]
    assert json.loads((tmp_path / "card.json").read_text())["installed"] is False
    with pytest.raises(BadInput, match="no better than its model"):
        load_adapted(tmp_path)


def test_an_interrupted_run_ends_with_the_same_bits(world, quick, tmp_path) -> None:
    """Here with mined negatives, as for a corpus of more than ten chunks."""
    corpus, sides = world
    recipe = replace(quick, corpus=10, mined=31)
    whole = train_expert(corpus, sides, tmp_path / "whole", recipe=recipe)

    class Killed(Exception):
        pass

    def kill(now: Progress) -> None:
        if now.done == now.total // 2:
            raise Killed

    with pytest.raises(Killed):
        train_expert(corpus, sides, tmp_path / "parts", recipe=recipe, progress=kill)
    assert (tmp_path / "parts" / "checkpoint.safetensors").is_file()
    other = replace(recipe, temperature=0.02)
    with pytest.raises(BadInput, match="unfinished run with other"):
        train_expert(corpus, sides, tmp_path / "parts", recipe=other)
    steps: list[Progress] = []
    torch.manual_seed(99)  # of no consequence
    parts = train_expert(corpus, sides, tmp_path / "parts", recipe=recipe, progress=steps.append)
    assert 1 < steps[0].done <= steps[-1].done  # it did not begin again
    assert replace(parts, seconds=0) == replace(whole, seconds=0)
    both = [(tmp_path / name / WEIGHTS) for name in ("whole", "parts")]
    assert both[0].read_bytes() == both[1].read_bytes()
    assert not (tmp_path / "parts" / "checkpoint.safetensors").exists()


def test_parts_of_a_batch_add_up(world, quick) -> None:
    """A small token budget computes a batch in several parts: same gradient, less memory."""
    corpus, sides = world
    gradients = []
    for budget in (4096, 60):
        model = SentenceEncoder(corpus.signature.model, device="cpu", token_budget=budget)
        plain = [module.Encoded.of(model, corpus, s, "chunk") for s in (sides.train, sides.train)]
        for part in model.model.modules():
            if isinstance(part, torch.nn.Dropout):
                part.p = 0.0
        torch.manual_seed(0)
        parameters = module.inject(model, rank=2, dropout=0.0, targets="all")
        task = module._Expert(model, corpus, quick, *plain, parameters)
        parts = list(task.losses(0, 0))
        assert (len(parts) > 1) == (budget == 60)
        for part in parts:
            part.backward()
        # The pooler has none: a sentence's vector does not depend on it.
        gradients.append([p.grad for p in parameters.values() if p.grad is not None])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_another_model_of_the_same_name_is_refused(world, quick, tmp_path) -> None:
    corpus, sides = world
    foreign = replace(corpus.signature, weights="0" * 64)
    other = Corpus(corpus.ids, corpus.documents, corpus.vectors, foreign)
    with pytest.raises(SpaceMismatch, match="encode the corpus again"):
        train_expert(other, sides, tmp_path, recipe=quick)


@pytest.mark.parametrize(
    "wrong",
    [
        {"rank": 0},
        {"temperature": 0.0},
        {"temperature": float("nan")},
        {"schedule": None},
        {"dropout": 1.0},
        {"targets": "none"},
        {"pull": -1.0},
    ],
)
def test_wrong_recipes(wrong) -> None:
    with pytest.raises(BadInput):
        Recipe(**wrong)
