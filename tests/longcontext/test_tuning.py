"""Tuning of new position rows: they learn, and nothing else changes."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from longcontext.tiny_models import TRAINED, WORDS, text
from sentence_transformers import SentenceTransformer

from rag_embed.encoders import OpenVINOEncoder, SentenceEncoder
from rag_embed.errors import BadInput, UnsupportedModel
from rag_embed.longcontext import bake, extend, extension_of, load, save, tune_positions
from rag_embed.training.loop import Schedule
from rag_embed.training.lora import embed
from rag_embed.training.losses import softmax_loss
from rag_embed.training.positions import _freed, _lengthened
from rag_embed.training.positions_loss import Tuning, sides_of
from rag_embed.training.positions_texts import LongTexts, cut_out

MAX = 64
KINDS = ["bert", "roberta", "mpnet", "distilbert"]
SHORT = [text(n, n) for n in (3, 17, TRAINED)]
LONGER = [text(n, n) for n in (TRAINED + 1, 50, MAX)]
FAST = Schedule(epochs=12, learning_rate=0.2, weight_decay=0.0, patience=12)
RUIN = Schedule(epochs=1, learning_rate=1e3, weight_decay=0.0)


def pairs(count=60):
    """Queries are the beginning of a document of 50 to 60 tokens: its end is to be overheard."""
    rng = np.random.default_rng(0)
    documents = [text(int(rng.integers(50, 61)), i) for i in range(count)]
    return [(" ".join(one.split()[:20]), one) for one in documents]


def table(model):
    return model[0].model.embeddings.position_embeddings.weight.detach()


def offset(kind):
    return 2 if kind in ("roberta", "mpnet") else 0


@pytest.fixture(scope="module")
def tuned(tiny):
    made = {}

    def one(kind):
        if kind not in made:
            scores = []
            model = tune_positions(
                tiny(kind),
                MAX,
                pairs(),
                batch=12,
                schedule=FAST,
                progress=lambda now: scores.append(now.score),
            )
            made[kind] = model, scores
        return made[kind]

    return one


@pytest.mark.parametrize("kind", KINDS)
def test_only_new_rows_change(tiny, tuned, kind):
    base = tiny(kind)
    before = copy.deepcopy(base.state_dict())
    flags = [one.requires_grad for one in base.parameters()]
    model = tuned(kind)[0]
    assert type(model[0].model.embeddings.position_embeddings) is torch.nn.Embedding
    name = next(one for one in before if "position_embeddings" in one)
    for key, value in model.state_dict().items():
        if key != name:
            assert torch.equal(value, before[key]), key
    first = TRAINED + offset(kind)
    assert len(table(model)) == MAX + offset(kind)
    assert torch.equal(table(model)[:first], before[name][:first])
    start = before[name][offset(kind) : first]  # recurrent: the same rows once more
    moved = (table(model)[first:] - start).abs().max(dim=1).values
    reached = max(len(document.split()) + 2 for _, document in pairs()) - TRAINED
    assert (moved[: 50 - TRAINED] > 1e-3).all() and (moved[reached:] == 0).all()
    assert torch.equal(table(base), before[name])
    assert [one.requires_grad for one in base.parameters()] == flags
    assert all(one.requires_grad for one in model.parameters())
    assert all(one.grad is None for one in base.parameters())


@pytest.mark.parametrize("kind", KINDS)
def test_short_texts_are_bit_identical_and_long_ones_are_not(tiny, tuned, kind):
    model = tuned(kind)[0]
    assert model.max_seq_length == MAX
    for one in SHORT:
        np.testing.assert_array_equal(model.encode(one), tiny(kind).encode(one))
    start = extend(tiny(kind), MAX, "recurrent")
    for one in LONGER:
        assert np.abs(model.encode(one) - start.encode(one)).max() > 1e-3
    wrapped = SentenceEncoder.wrap(model)
    np.testing.assert_array_equal(
        wrapped.encode_document(SHORT), SentenceEncoder.wrap(tiny(kind)).encode_document(SHORT)
    )
    assert wrapped.signature.weights != SentenceEncoder.wrap(start).signature.weights


@pytest.mark.parametrize("kind", KINDS)
def test_loss_falls_on_documents_kept_aside(tuned, kind):
    scores = tuned(kind)[1]
    assert scores == sorted(scores)  # the best so far
    assert -scores[-1] < 0.98 * -scores[0]


def test_the_same_seed_makes_the_same_bits(tiny, tuned):
    def rows(seed):
        torch.manual_seed(seed + 17)
        schedule = replace(FAST, seed=seed)
        return table(tune_positions(tiny("bert"), MAX, pairs(), batch=12, schedule=schedule))

    assert torch.equal(rows(0), table(tuned("bert")[0]))
    assert not torch.equal(rows(1), table(tuned("bert")[0]))


def test_untrained_rows_are_those_of_the_start(tiny):
    """With a rate that ruins them, the rows of step 0 are the best and are taken."""
    old = table(tiny("bert")).numpy()
    halves = (old[16:] + np.concatenate([old[17:], old[-1:]])) / 2
    expected = {
        "recurrent": old,
        "grouped": np.repeat(old[16:], 2, axis=0),
        "interpolated": np.stack([old[16:], halves], axis=1).reshape(32, -1),
    }
    for start, rows in expected.items():
        model = tune_positions(tiny("bert"), MAX, pairs(), batch=8, start=start, schedule=RUIN)
        np.testing.assert_allclose(table(model)[TRAINED:].numpy(), rows, atol=1e-6)
        np.testing.assert_array_equal(table(model)[:TRAINED].numpy(), old)
        assert extension_of(model).method == start
    recurrent = tune_positions(tiny("bert"), MAX, pairs(), schedule=RUIN)
    expected = extend(tiny("bert"), MAX, "recurrent").encode(LONGER)
    np.testing.assert_allclose(recurrent.encode(LONGER), expected, atol=1e-6)


@pytest.mark.parametrize("budget", [64, 4096])
def test_gradients_of_parts_are_those_of_the_whole_batch(tiny, budget):
    long, extension = _lengthened(tiny("bert"), MAX, "recurrent", None)
    encoder = SentenceEncoder.wrap(copy.deepcopy(long), token_budget=budget)
    sides = sides_of(encoder, pairs(), TRAINED, 0)
    rows = _freed(encoder.model, TRAINED)
    task = Tuning(encoder, rows, *sides, 100, 0.05, 0)
    assert task.steps == 1 and extension.trained_tokens == TRAINED
    loss = 0.0
    for part in task.losses(0, 0):
        part.backward()
        loss += part.item()
    found, rows.grad = rows.grad.clone(), None
    train = sides[0]
    scores = train.queries @ embed(encoder, train.ids).T
    expected = softmax_loss(scores, train.right).mean()
    expected.backward()
    assert loss == pytest.approx(expected.item(), abs=1e-4)
    np.testing.assert_allclose(found.numpy(), rows.grad.numpy(), atol=1e-5)


def test_a_smaller_trained_length(tiny):
    model = tune_positions(tiny("roberta"), 48, pairs(), trained_tokens=24, batch=8, schedule=FAST)
    for one in (text(24, 1), text(9, 2)):
        np.testing.assert_array_equal(model.encode(one), tiny("roberta").encode(one))
    one = text(25, 3)
    assert np.abs(model.encode(one) - tiny("roberta").encode(one)).max() > 1e-4


@pytest.mark.parametrize("kind", KINDS)
def test_baked_and_read_again(tuned, tmp_path, monkeypatch, kind):
    monkeypatch.setenv("RAG_EMBED_CACHE", str(tmp_path / "cache"))
    model = tuned(kind)[0]
    texts = [*SHORT, *LONGER]
    bake(model, tmp_path / "baked")
    stock = SentenceTransformer(str(tmp_path / "baked"), device="cpu")
    assert stock.max_seq_length == MAX
    np.testing.assert_array_equal(stock.encode(texts), model.encode(texts))
    again = load(tmp_path / "baked", device="cpu")
    assert extension_of(again) == extension_of(model) and extension_of(again).baked
    np.testing.assert_array_equal(again.encode(texts), model.encode(texts))
    bake(again, tmp_path / "copy")
    np.testing.assert_array_equal(load(tmp_path / "copy").encode(texts), model.encode(texts))
    with pytest.raises(BadInput, match=r"bake\(\) writes it"):
        save(model, tmp_path / "saved")
    assert not (tmp_path / "saved").exists()
    if kind == "bert":
        fast = OpenVINOEncoder(str(tmp_path / "baked"), precision="f32")
        expected = SentenceEncoder.wrap(model).encode_document(texts)
        np.testing.assert_allclose(fast.encode_document(texts), expected, atol=1e-4)


def prose(count, sentences, seed=0):
    rng = np.random.default_rng(seed)
    return [
        " ".join("X " + " ".join(rng.choice(WORDS, 6)) + " ." for _ in range(sentences))
        for _ in range(count)
    ]


def test_sentences_are_cut_out_of_long_texts(tiny):
    encoder = SentenceEncoder.wrap(extend(tiny("bert"), MAX, "recurrent"))
    texts = prose(6, 9)
    made = cut_out([*texts, texts[0]], encoder, TRAINED)
    assert len(made) > 12 and len({document for _, document in made}) == 6
    for query, document in made:
        assert query not in " ".join(document.split())
        assert any(query in " ".join(one.split()) for one in texts)
    assert cut_out([*texts, texts[0]], encoder, TRAINED) == made
    own = {query for query, _ in made}
    twice = [*texts, " ".join(query for query in sorted(own))]
    found = cut_out(twice, encoder, TRAINED)
    assert not own & {query for query, _ in found} and found
    for words, some in ((10, True), (28, False)):
        prompted = SentenceEncoder.wrap(encoder.model, query_prompt="w1 " * words)
        assert bool(cut_out(texts, prompted, TRAINED)) == some


def test_long_texts_alone_are_enough(tiny):
    model = tune_positions(
        tiny("mpnet"), MAX, prose(12, 10), batch=4, schedule=Schedule(epochs=1, weight_decay=0.0)
    )
    np.testing.assert_array_equal(model.encode(SHORT[0]), tiny("mpnet").encode(SHORT[0]))


def test_sides_share_nothing():
    pairs = [(f"q{i % 29}", f"d{i}") for i in range(40)]
    made = LongTexts.of([*pairs, ("q", "d1"), ("q", "d2")])
    (learn, asks), (choose, others) = made.sides(0.2, 3)
    assert 2 <= len(choose) <= 8 < len(learn) and not set(learn) & set(choose)
    assert not set(asks) & set(others)
    for documents, queries in ((learn, asks), (choose, others)):
        for query in queries:
            assert set(made.answers[query]) <= set(documents.tolist())
        assert {one for query in queries for one in made.answers[query]} == set(documents.tolist())


@pytest.mark.parametrize(
    "texts, options, says",
    [
        ([text(20, i) for i in range(8)], {}, "at least 4 different documents"),
        (pairs(3), {}, "at least 4 different documents"),
        ([(text(5, i), text(20, 90 + i)) for i in range(8)], {}, "No text is longer"),
        ([(text(40, i), text(60, 90 + i)) for i in range(8)], {}, "A query has 40 tokens"),
        ([("q", text(60, i)) for i in range(8)], {}, "both sides"),
        ([], {}, "at least 4 different documents"),
        ("one long text", {}, "sequence of long texts"),
        ([("a", 1)] * 8, {}, "sequence of long texts"),
        ([("a", "b", "c")], {}, "sequence of long texts"),
        ([*pairs(), "text"], {}, "sequence of long texts"),
        (pairs(), {"batch": 1}, "batch must be"),
        (pairs(), {"temperature": 0.0}, "temperature > 0"),
        (pairs(), {"start": "ntk"}, "for rotary positions"),
        (pairs(), {"start": "magic"}, "method must be one of"),
        (pairs(), {"trained_tokens": 40}, "cannot have been trained on more"),
    ],
)
def test_what_does_not_fit(tiny, texts, options, says):
    with pytest.raises(BadInput, match=says):
        tune_positions(tiny("bert"), MAX, texts, **options)


def test_models_that_do_not_fit(tiny):
    with pytest.raises(BadInput, match="rotary and have no weights"):
        tune_positions(tiny("nomic_bert"), MAX, pairs())
    with pytest.raises(BadInput, match="extended already"):
        tune_positions(extend(tiny("bert"), MAX, "recurrent"), MAX, pairs())
    with pytest.raises(BadInput, match="trained_tokens < max_tokens"):
        tune_positions(tiny("bert"), TRAINED, pairs())
    other = copy.deepcopy(tiny("bert"))
    other[0].model.config.model_type = "t5"
    with pytest.raises(UnsupportedModel, match="windows"):
        tune_positions(other, MAX, pairs())
