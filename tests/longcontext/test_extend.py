"""What `extend` promises, for every architecture it names."""

from __future__ import annotations

import copy
import pickle
import threading

import numpy as np
import pytest
import torch
from longcontext.tiny_models import ABSOLUTE, ROTARY, TRAINED, text

from rag_embed.encoders import SentenceEncoder
from rag_embed.encoders.positions.applied import methods_for
from rag_embed.encoders.positions.architecture import ABSOLUTE as ABSOLUTE_KINDS
from rag_embed.encoders.positions.architecture import ROTARY as ROTARY_KINDS
from rag_embed.encoders.positions.extension import STATIC
from rag_embed.errors import BadInput, UnsupportedModel
from rag_embed.longcontext import extend, extension_of
from rag_embed.maths import positions

KINDS = [*ABSOLUTE, *ROTARY]
SHORT = [text(n, n) for n in (3, 20, TRAINED)]
LONG = [text(n, n) for n in (TRAINED + 1, 60, 128)]
DYNAMIC = ("recurrent", "grouped", "interpolated", "dynamic", "self-extend")
TABLE = ("recurrent", "grouped", "interpolated")


def alone(model, texts):
    return np.stack([model.encode(one) for one in texts])


@pytest.mark.parametrize("kind", KINDS)
def test_short_texts_are_bit_identical_and_long_ones_read_to_the_end(tiny, kind):
    base = tiny(kind)
    expected = alone(base, SHORT)
    for method in methods_for(base):
        long = extend(base, 128, method)
        assert long.max_seq_length == 128 and base.max_seq_length == TRAINED
        same = np.array_equal(alone(long, SHORT), expected)
        assert same == (method not in STATIC), method
        other_end = [one[: one.rindex(" ")] + " w0 w1" for one in LONG[1:2]]
        assert np.abs(alone(long, other_end) - alone(long, LONG[1:2])).max() > 1e-4
    np.testing.assert_array_equal(alone(base, SHORT), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_a_vector_depends_on_its_text_alone(tiny, kind):
    base = tiny(kind)
    for method in methods_for(base):
        for scaling in ("none", "log-n"):
            long = extend(base, 128, method, scaling=scaling)
            together = long.encode([*LONG, *SHORT], batch_size=6)
            np.testing.assert_allclose(together, alone(long, [*LONG, *SHORT]), atol=2e-6)


@pytest.mark.parametrize("kind", ["nomic_bert", "modernbert", "qwen3", "gemma3_text"])
def test_the_side_of_the_padding_does_not_matter(tiny, kind):
    """Rotary models see distances only, so padding on the left must change nothing."""
    right, left = tiny(kind), tiny(kind, "left")
    assert left.tokenizer.padding_side == "left"
    for method in methods_for(right):
        expected = extend(right, 128, method, scaling="log-n").encode([*LONG, *SHORT])
        found = extend(left, 128, method, scaling="log-n").encode([*LONG, *SHORT])
        np.testing.assert_allclose(found, expected, atol=5e-6)


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("kind", ["bert", "mpnet", "modernbert", "qwen3"])
def test_a_long_text_alone_is_read_without_its_padding(tiny, kind, side):
    """Bit for bit what it is unpadded: no mask of the square of its length is made."""
    base = tiny(kind, side)
    padded = {"padding": "max_length", "truncation": True, "max_length": 96}
    for method in methods_for(base):
        long = extend(base, 128, method, scaling="log-n")
        for count, expected in ((60, 60), (TRAINED, 96)):
            options = {"output_value": None, "processing_kwargs": {"text": padded}}
            [found] = long.encode([text(count)], **options)
            assert found["attention_mask"].shape == (expected,)
            if count > TRAINED:
                [alone_] = long.encode([text(count)], output_value=None)
                for name in ("token_embeddings", "sentence_embedding"):
                    assert torch.equal(found[name], alone_[name])


@pytest.mark.parametrize("kind", ABSOLUTE)
@pytest.mark.parametrize("method", TABLE)
def test_positions_are_rows_of_the_table(tiny, kind, method):
    """Against the stock model with the mapped rows written into a longer table."""
    base = tiny(kind)
    long = extend(base, 128, method)
    for one in LONG:
        count = len(one.split()) + 2
        expected = copy.deepcopy(base)
        embeddings = expected[0].model.embeddings
        old = embeddings.position_embeddings
        first = 0 if old.padding_idx is None else 2
        at = positions.mapped(count, TRAINED, method)
        rows = positions.table(old.weight.detach().numpy()[first:], at)
        weight = torch.cat([old.weight.detach()[:first], torch.from_numpy(rows)])
        embeddings.position_embeddings = torch.nn.Embedding.from_pretrained(weight)
        for name in ("position_ids", "token_type_ids"):
            if hasattr(embeddings, name):
                counter = (
                    torch.arange(count + 2) if name == "position_ids" else torch.zeros(count + 2)
                )
                setattr(embeddings, name, counter.long()[None])
        expected.max_seq_length = count
        np.testing.assert_allclose(long.encode(one), expected.encode(one), atol=1e-6)


@pytest.mark.parametrize("kind", ["nomic_bert", "modernbert", "qwen3", "gemma3_text"])
def test_at_full_length_the_dynamic_methods_are_the_static_ones(tiny, kind):
    base, one = tiny(kind), text(128)
    pairs = {"dynamic": "ntk", "interpolated": "linear"}
    for dynamic, static in pairs.items():
        found, expected = (extend(base, 128, method).encode(one) for method in (dynamic, static))
        np.testing.assert_allclose(found, expected, atol=2e-6)


def test_local_layers_keep_their_frequencies(tiny):
    base = tiny("modernbert")
    for method in STATIC:
        parameters = extend(base, 128, method)[0].model.config.rope_parameters
        own = base[0].model.config.rope_parameters
        assert parameters["sliding_attention"] == own["sliding_attention"]
        assert parameters["full_attention"] != own["full_attention"]


def test_entries_of_the_configuration(tiny):
    base = tiny("nomic_bert")
    theta = base[0].model.config.rope_parameters["rope_theta"]

    def entry(method):
        return extend(base, 128, method)[0].model.config.rope_parameters

    assert entry("ntk")["rope_theta"] == pytest.approx(5 * theta)
    assert (entry("linear")["rope_type"], entry("linear")["factor"]) == ("linear", 4)
    assert entry("yarn")["original_max_position_embeddings"] == TRAINED


def test_a_smaller_trained_length_uses_its_rows_only(tiny):
    long = extend(tiny("bert"), 64, "recurrent", trained_tokens=16)
    expected = extend(tiny("bert"), 64, "recurrent")
    assert np.array_equal(long.encode(text(16)), expected.encode(text(16)))
    assert not np.allclose(long.encode(text(30)), expected.encode(text(30)), atol=1e-4)
    rows = long[0].model.embeddings.position_embeddings.weight
    with torch.no_grad():
        kept = rows[16:].clone()
        rows[16:] = 1e6
        found = long.encode(text(64))
        rows[16:] = kept
    np.testing.assert_array_equal(found, long.encode(text(64)))


def test_weights_are_shared_and_the_original_stays(tiny):
    base = tiny("bert")
    long = extend(base, 128, "grouped")
    own = {one.data_ptr() for one in base.parameters()}
    assert {one.data_ptr() for one in long.parameters()} == own
    assert extension_of(base) is None and extension_of(long).method == "grouped"


def test_copies_and_pickles_read_the_same(tiny):
    for kind, method in (("bert", "interpolated"), ("qwen3", "self-extend")):
        long = extend(tiny(kind), 128, method, scaling="log-n")
        expected = long.encode(LONG)
        for other in (copy.deepcopy(long), pickle.loads(pickle.dumps(long))):
            np.testing.assert_array_equal(other.encode(LONG), expected)


def test_threads_do_not_see_each_others_lengths(tiny):
    long = extend(tiny("bert"), 128, "grouped")
    expected = {n: long.encode(text(n)) for n in (20, 40, 90, 128)}
    wrong = []

    def work(n):
        for _ in range(8):
            if np.abs(long.encode(text(n)) - expected[n]).max() > 1e-6:
                wrong.append(n)

    threads = [threading.Thread(target=work, args=(n,)) for n in expected]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_the_encoder_knows_the_extended_space_from_the_others(tiny):
    base = tiny("bert")
    made = [
        base,
        extend(base, 128, "grouped"),
        extend(base, 128, "recurrent"),
        extend(base, 96, "recurrent"),
        extend(base, 128, "recurrent", scaling="log-n"),
        extend(base, 128, "recurrent", scaling=0.9),
        extend(base, 128, "recurrent", trained_tokens=16),
    ]
    signatures = [SentenceEncoder.wrap(one).signature for one in made]
    assert len({one.weights for one in signatures}) == len(made)
    assert signatures[1].max_tokens == 128
    again = SentenceEncoder.wrap(extend(base, 128, "grouped")).signature
    assert not again.difference(signatures[1])


def test_token_vectors_of_the_whole_text(tiny):
    encoder = SentenceEncoder.wrap(extend(tiny("bert"), 128, "recurrent"), token_budget=64)
    rows, tokens = encoder.encode_document_tokens(LONG, lambda one: one)
    assert [len(one.ids) for one in tokens] == [len(one.split()) for one in LONG]
    np.testing.assert_allclose(rows, encoder.encode_document(LONG), atol=1e-6)


def test_the_model_inside_says_that_it_cannot_be_called(tiny):
    long = extend(tiny("bert"), 128, "recurrent")
    long.encode(LONG)
    with pytest.raises(BadInput, match="call the SentenceTransformer"):
        long[0].model(input_ids=torch.zeros((1, 40), dtype=torch.long))


@pytest.mark.parametrize(
    "kind, arguments, says",
    [
        ("bert", (128, "ntk"), "table of positions"),
        ("bert", (128, "nothing"), "method must be one of"),
        ("bert", (32, "recurrent"), "trained_tokens < max_tokens"),
        ("nomic_bert", (20, "ntk"), "trained_tokens < max_tokens"),
    ],
)
def test_arguments_that_do_not_fit(tiny, kind, arguments, says):
    with pytest.raises(BadInput, match=says):
        extend(tiny(kind), *arguments)


def test_options_that_do_not_fit(tiny):
    base = tiny("bert")
    for scaling in (0.0, -1.0, 3.0, "sharp"):
        with pytest.raises(BadInput, match="scaling must be"):
            extend(base, 128, "recurrent", scaling=scaling)
    with pytest.raises(BadInput, match="cannot have been trained on more"):
        extend(base, 128, "recurrent", trained_tokens=64)
    with pytest.raises(BadInput, match="extended already"):
        extend(extend(base, 128, "recurrent"), 256, "recurrent")
    yarn = copy.deepcopy(tiny("nomic_bert"))
    parameters = yarn[0].model.config.rope_parameters
    yarn[0].model.config.rope_parameters = {**parameters, "rope_type": "yarn", "factor": 2.0}
    with pytest.raises(BadInput, match="scaled already"):
        extend(yarn, 128, "ntk")


def test_other_models_are_told_about_windows(tiny):
    other = copy.deepcopy(tiny("bert"))
    other[0].model.config.model_type = "t5"
    with pytest.raises(UnsupportedModel, match=r"windows\(\) reads long texts with any"):
        extend(other, 128, "recurrent")


def test_every_kind_is_tested():
    assert {*ABSOLUTE_KINDS, *ROTARY_KINDS} == set(KINDS)
