"""Sparse encoders: the library's own weights, by torch and by OpenVINO, whatever the batch."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from rag_embed.encoders import HashEncoder, OpenVINOSparseEncoder, SparseEncoder, load_sparse
from rag_embed.encoders.rebuilding import rebuilt_sparse
from rag_embed.encoders.recipe import Recipe, recipe_of
from rag_embed.encoders.splade import weighs_terms
from rag_embed.errors import BadInput, ModelUnavailable, UnsupportedModel
from rag_embed.testing import SparseEncoderContract
from rag_embed.testing.encoder import TEXTS
from rag_embed.testing.sparse_encoder import same
from rag_embed.types import SparseVector


class TestSparseEncoder(SparseEncoderContract):
    @pytest.fixture(scope="class")
    @classmethod
    def encoder(cls, splade):
        return SparseEncoder(str(splade), device="cpu")


class TestLookedUp(SparseEncoderContract):
    @pytest.fixture(scope="class")
    @classmethod
    def encoder(cls, looked_up):
        return SparseEncoder(str(looked_up), device="cpu")


class TestOpenVINOSparseEncoder(SparseEncoderContract):
    @pytest.fixture
    def encoder(self, splade, cache):
        pytest.importorskip("rag_embed.encoders.ov")
        return OpenVINOSparseEncoder(str(splade))


@pytest.fixture(scope="module")
def looked_up(tiny, tmp_path_factory, build_splade) -> Path:
    return build_splade(tmp_path_factory.mktemp("models") / "looked-up", tiny, looked_up=True)


def library(folder: Path, texts: list[str], side: str = "document") -> np.ndarray:
    from sentence_transformers import SparseEncoder as Model

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = Model(str(folder), device="cpu")
        encode = model.encode_query if side == "query" else model.encode_document
        return encode(texts, convert_to_sparse_tensor=False, save_to_cpu=True).numpy()


def rows(vectors: list[SparseVector], terms: int) -> np.ndarray:
    found = np.zeros((len(vectors), terms), np.float32)
    for row, one in zip(found, vectors, strict=True):
        row[one.ids] = one.weights
    return found


@pytest.mark.parametrize("pooling, activation", [("max", "relu"), ("sum", "log1p_relu")])
def test_weights_are_those_of_the_library(
    tiny, tmp_path, cache, build_splade, pooling, activation
) -> None:
    pytest.importorskip("rag_embed.encoders.ov")
    folder = build_splade(tmp_path, tiny, pooling=pooling, activation=activation)
    expected = library(folder, TEXTS)
    torch_encoder = SparseEncoder(str(folder), device="cpu")
    np.testing.assert_allclose(
        rows(torch_encoder.encode_document(TEXTS), expected.shape[1]), expected, atol=1e-5
    )
    fast = OpenVINOSparseEncoder(str(folder), precision="f32")
    np.testing.assert_allclose(
        rows(fast.encode_document(TEXTS), expected.shape[1]), expected, atol=1e-3
    )
    assert fast.signature == torch_encoder.signature
    assert fast.signature.pooling == f"splade {pooling} {activation}"
    assert fast.signature.dim == expected.shape[1] and (expected > 0).any()


def test_queries_can_be_looked_up_without_inference(looked_up) -> None:
    encoder = SparseEncoder(str(looked_up), device="cpu")
    [query] = encoder.encode_query(["a!"])
    assert sorted(encoder.terms(query.ids.tolist())) == ["!", "a"]
    expected = library(looked_up, ["a!"], "query")[0]
    np.testing.assert_allclose(query.weights, expected[query.ids])
    [document] = encoder.encode_document(["a!"])
    np.testing.assert_allclose(
        rows([document], len(expected))[0], library(looked_up, ["a!"])[0], atol=1e-5
    )
    with pytest.raises(UnsupportedModel, match="Router"):
        OpenVINOSparseEncoder(str(looked_up))
    assert isinstance(load_sparse(str(looked_up)), SparseEncoder)


def test_prompts_stand_before_texts(splade) -> None:
    asked = SparseEncoder(str(splade), device="cpu", query_prompt="q: ")
    plain = SparseEncoder(str(splade), device="cpu")
    same(asked.encode_query(["fox"]), plain.encode_query(["q: fox"]))
    same(asked.encode_document(["fox"]), plain.encode_document(["fox"]))


def test_several_texts_a_batch_give_nearly_the_same(splade) -> None:
    together = SparseEncoder(str(splade), device="cpu", token_budget=4096).encode_document(TEXTS)
    alone = SparseEncoder(str(splade), device="cpu").encode_document(TEXTS)
    terms = alone and 200
    np.testing.assert_allclose(rows(together, terms), rows(alone, terms), atol=1e-5)


def test_what_is_no_sparse_model_is_refused(tiny, splade) -> None:
    for make in (SparseEncoder, OpenVINOSparseEncoder, load_sparse):
        with pytest.raises(ModelUnavailable, match="not trained to weigh terms"):
            make(str(tiny))
    assert weighs_terms(str(splade)) and not weighs_terms(str(tiny))
    assert not weighs_terms("no-such-model")
    bare = splade.parent / "mlm"  # a masked language model that nobody saved as a sparse one
    assert not weighs_terms(str(bare))
    same(
        SparseEncoder(str(bare), device="cpu").encode_query(["a fox"]),
        SparseEncoder(str(splade), device="cpu").encode_query(["a fox"]),
    )
    with pytest.raises(BadInput, match="precision"):
        OpenVINOSparseEncoder(str(splade), precision="int3")


def test_it_is_made_again_by_its_recipe_and_its_pickle(splade, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(splade.parent)
    encoder = load_sparse(splade.name, query_prompt="q: ")
    monkeypatch.chdir(tmp_path)
    again = rebuilt_sparse(recipe_of(encoder), load_sparse)
    assert again.signature == encoder.signature
    same(again.encode_query(["fox"]), encoder.encode_query(["fox"]))
    unpickled = pickle.loads(pickle.dumps(encoder))
    same(unpickled.encode_query(["fox"]), encoder.encode_query(["fox"]))
    with pytest.raises(ModelUnavailable, match="does not know"):
        rebuilt_sparse(Recipe("model", {"model": "x"}), load_sparse)
    running = SparseEncoder(str(splade), device="cpu", trust_remote_code=True)
    assert recipe_of(running) is None


def test_a_converted_model_starts_without_torch(splade, cache) -> None:
    pytest.importorskip("rag_embed.encoders.ov")
    load_sparse(str(splade))
    code = (
        "import sys; from rag_embed.encoders import load_sparse; "
        f"load_sparse({str(splade)!r}).encode_query(['fox']); assert 'torch' not in sys.modules"
    )
    environment = {**os.environ, "RAG_EMBED_CACHE": str(cache), "PATH": ""}  # no GPU is looked for
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def test_dense_encoders_weigh_no_terms() -> None:
    from rag_embed import protocols

    assert not isinstance(HashEncoder(), protocols.SparseEncoder)


SPLADE = os.environ.get("RAG_EMBED_SPLADE", "")


@pytest.mark.skipif(
    not SPLADE, reason="RAG_EMBED_SPLADE names no model; python -m benchmarks.models"
)
def test_a_real_model_knows_words_that_are_not_said(session_cache, monkeypatch) -> None:
    from rag_embed import Document, Index

    texts = {
        "river": "The river flooded its banks in spring.",
        "money": "The bank raised its interest rates.",
        "dogs": "Puppies bark at strangers.",
    }
    index = Index.in_memory(encoder=HashEncoder())
    index.add(Document(id, text) for id, text in texts.items())
    index.experts.add_space("splade", SPLADE)
    index.experts.weigh({"splade": 1.0})
    [found] = index.explain("why does a dog bark?", k=1)
    assert found.hit.chunk.doc_id == "dogs" and {"dog", "bark"} <= {t.term for t in found.terms}
    assert index.search("mortgage loan", k=1)[0].chunk.doc_id == "money"
