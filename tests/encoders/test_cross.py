"""A small cross-encoder with random weights: its scores are those of the library, pair by pair."""

from __future__ import annotations

import pickle
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from rag_embed import Document, Index, Query
from rag_embed.encoders import CrossEncoderReranker, HashEncoder, load_reranker
from rag_embed.errors import BadInput, ModelUnavailable, UnsupportedModel
from rag_embed.ranking.rerank import Reranked
from rag_embed.testing.encoder import ODD, TEXTS
from rag_embed.types import Chunk, Hit


def write_cross(folder: Path, base: Path, labels: int = 1) -> Path:
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    torch.manual_seed(2)
    config = BertConfig.from_pretrained(base, num_labels=labels, initializer_range=0.3)
    BertForSequenceClassification(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(base).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def cross(tiny, tmp_path_factory) -> Path:
    return write_cross(tmp_path_factory.mktemp("models") / "cross", tiny)


@pytest.fixture(scope="module")
def reranker(cross):
    return CrossEncoderReranker(str(cross), device="cpu")


def hits(texts) -> list[Hit]:
    found = []
    for i, text in enumerate(texts):
        document = Document(f"d{i}", text, title="On it")
        found.append(Hit(Chunk.of(document, 0, len(text)), 0.5, 0.5))
    return found


def test_scores_are_the_logits_of_the_library(cross, reranker) -> None:
    import torch
    from sentence_transformers import CrossEncoder

    model = CrossEncoder(str(cross), device="cpu")
    query = "who closes a file?"
    expected = [
        model.predict([(query, "On it\n" + text)], activation_fn=torch.nn.Identity())[0]
        for text in TEXTS
    ]
    scores = reranker.rerank(Query(query), hits(TEXTS))
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, expected, atol=1e-4)
    assert np.ptp(scores) > 0.01  # texts are told apart


def test_a_score_depends_on_its_pair_alone(reranker) -> None:
    query = Query("who closes a file?")
    together = reranker.rerank(query, hits([*TEXTS, "more", *TEXTS]))
    np.testing.assert_array_equal(together[: len(TEXTS)], together[len(TEXTS) + 1 :])
    expected = together[: len(TEXTS)]
    alone = np.concatenate([reranker.rerank(query, hits([text])) for text in TEXTS])
    np.testing.assert_allclose(alone, expected, atol=2e-6)  # the head's last bits vary
    with ThreadPoolExecutor(4) as pool:
        for scores in pool.map(lambda _: reranker.rerank(query, hits(TEXTS)), range(8)):
            np.testing.assert_allclose(scores, expected, atol=2e-6)


@pytest.mark.parametrize("name", ODD)
def test_any_text_has_a_score(reranker, name) -> None:
    scores = reranker.rerank(Query("what?"), hits([ODD[name], "plain"]))
    assert np.isfinite(scores).all()
    assert np.isfinite(reranker.rerank(Query(ODD[name]), hits(["plain"]))).all()


def test_no_hits_have_no_scores(reranker) -> None:
    assert reranker.rerank(Query("what?"), []).shape == (0,)


def test_what_is_read_can_be_chosen(cross, reranker) -> None:
    bare = CrossEncoderReranker(str(cross), device="cpu", read=lambda hit: hit.text)
    untitled = [Hit(Chunk.of(Document("d", "A text."), 0, 7), 0.5, 0.5)]
    query = Query("what?")
    np.testing.assert_array_equal(
        bare.rerank(query, hits(["A text."])), reranker.rerank(query, untitled)
    )
    assert bare.rerank(query, hits(["A text."])) != reranker.rerank(query, hits(["A text."]))


def test_a_loaded_model_can_be_wrapped(cross, reranker) -> None:
    from sentence_transformers import CrossEncoder

    wrapped = CrossEncoderReranker.wrap(CrossEncoder(str(cross), device="cpu"), token_budget=64)
    np.testing.assert_allclose(
        wrapped.rerank(Query("what?"), hits(TEXTS)),
        reranker.rerank(Query("what?"), hits(TEXTS)),
        atol=1e-5,
    )


def test_a_prompt_of_the_model_counts(cross, reranker) -> None:
    from sentence_transformers import CrossEncoder

    model = CrossEncoder(
        str(cross), device="cpu", prompts={"ask": "find: "}, default_prompt_name="ask"
    )
    prompted = CrossEncoderReranker.wrap(model)
    np.testing.assert_allclose(
        prompted.rerank(Query("what?"), hits(TEXTS[:3])),
        reranker.rerank(Query("find: what?"), hits(TEXTS[:3])),
        atol=1e-5,
    )


def test_a_saved_cross_encoder_loads(cross, reranker, tmp_path) -> None:
    from sentence_transformers import CrossEncoder

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        CrossEncoder(str(cross), device="cpu").save_pretrained(str(tmp_path / "saved"))
    again = CrossEncoderReranker(str(tmp_path / "saved"), device="cpu")
    np.testing.assert_array_equal(
        again.rerank(Query("what?"), hits(TEXTS)), reranker.rerank(Query("what?"), hits(TEXTS))
    )


def test_it_reranks_an_index(reranker) -> None:
    index = Index.in_memory(encoder=HashEncoder())
    index.add(Document(f"d{i}", f"{text[:60]} file") for i, text in enumerate(TEXTS))
    found = Reranked(index.retriever, reranker).retrieve([Query("file", k=7)])[0]
    raw = [hit.parts[-1].raw for hit in found]
    assert raw == sorted(raw, reverse=True) and len(raw) == 7
    np.testing.assert_array_equal(reranker.rerank(Query("file"), found), np.float32(raw))


def test_models_without_a_trained_head_are_refused(tiny, tmp_path) -> None:
    with pytest.raises(ModelUnavailable, match="no cross-encoder but SentenceTransformer"):
        CrossEncoderReranker(str(tiny))
    with pytest.raises(ModelUnavailable, match="3 scores a pair"):
        CrossEncoderReranker(str(write_cross(tmp_path / "three", tiny, labels=3)), device="cpu")
    with pytest.raises(ModelUnavailable, match="no-such-model"):
        CrossEncoderReranker("no-such-model")


def test_it_is_pickled_as_the_call_that_made_it(reranker) -> None:
    pickled = pickle.dumps(reranker)
    again = pickle.loads(pickled)
    assert len(pickled) < 1000
    query, found = Query("who closes a file?"), hits(TEXTS)
    np.testing.assert_array_equal(again.rerank(query, found), reranker.rerank(query, found))


@pytest.mark.parametrize("precision", ["f32", "bf16", "int8", "auto"])
def test_openvino_gives_the_scores_of_torch(cross, reranker, precision) -> None:
    fast = load_reranker(str(cross), precision=precision)
    query, found = Query("who closes a file?"), hits([*TEXTS, *ODD.values(), *TEXTS])
    expected = reranker.rerank(query, found)
    scores = fast.rerank(query, found)
    assert scores.dtype == np.float32
    if precision == "f32":
        np.testing.assert_allclose(scores, expected, atol=1e-4)
    assert np.corrcoef(scores, expected)[0, 1] > 0.99
    alone = np.concatenate([fast.rerank(query, [hit]) for hit in found])
    np.testing.assert_allclose(alone, scores, atol=0.02 * np.ptp(expected))
    with ThreadPoolExecutor(4) as pool:
        for again in pool.map(lambda _: fast.rerank(query, found), range(8)):
            np.testing.assert_array_equal(again, scores)
    assert fast.rerank(query, []).shape == (0,)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fast)).rerank(query, found), scores)


def test_a_converted_one_starts_without_torch(cross, cache) -> None:
    load_reranker(str(cross))
    script = (
        "import sys\n"
        "from rag_embed.encoders import load_reranker\n"
        f"print(type(load_reranker({str(cross)!r})).__name__)\n"
        "print([m for m in ('torch', 'transformers', 'sentence_transformers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.split("\n")[:2] == ["OpenVINOReranker", "[]"], done.stderr


def test_what_openvino_cannot_score_runs_with_torch(tiny, cross, tmp_path) -> None:
    """A prompt of the model is not read by what runs without the library: it is not left out silently."""
    from sentence_transformers import CrossEncoder

    model = CrossEncoder(
        str(cross), device="cpu", prompts={"ask": "find: "}, default_prompt_name="ask"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save_pretrained(str(tmp_path / "asks"))
    assert isinstance(load_reranker(str(tmp_path / "asks")), CrossEncoderReranker)
    with pytest.raises(UnsupportedModel, match="Use CrossEncoderReranker"):
        load_reranker(str(tmp_path / "asks"), precision="f32")
    with pytest.raises(UnsupportedModel, match="one score"):
        load_reranker(str(write_cross(tmp_path / "three", tiny, labels=3)), precision="f32")
    with pytest.raises(ModelUnavailable, match="no cross-encoder but SentenceTransformer"):
        load_reranker(str(tiny))
    with pytest.raises(BadInput, match="a device or a precision"):
        load_reranker(str(cross), device="cpu", precision="f32")
