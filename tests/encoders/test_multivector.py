"""Multi-vector models: a small ColBERT with random weights, made here, is what all of them look like."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_embed import Document, Index, Query
from rag_embed.encoders import HashEncoder, MultiVectorEncoder, SentenceEncoder
from rag_embed.errors import BadInput, ModelUnavailable, SpaceMismatch
from rag_embed.maths.chamfer import chamfer
from rag_embed.maths.vectors import unit
from rag_embed.ranking.multivector import MaxSimReranker, StoredMaxSimReranker
from rag_embed.ranking.rerank import Reranked
from rag_embed.testing.encoder import ODD, TEXTS, EncoderContract


@pytest.fixture(scope="session")
def colbert(build_colbert, tiny, tmp_path_factory) -> Path:
    return build_colbert(tmp_path_factory.mktemp("models") / "colbert", tiny)


@pytest.fixture(scope="session")
def encoder(colbert):
    return MultiVectorEncoder(str(colbert), device="cpu")


def all_of(tokens):
    return tokens


class TestMultiVectorEncoder(EncoderContract):
    @pytest.fixture
    def encoder(self, encoder):
        return encoder


@pytest.mark.parametrize(
    ("strategy", "attend"),
    [("fixed", False), ("fixed", True), ("min", False), ("min", True), (None, False)],
)
def test_tokens_and_scores_are_those_of_the_library(
    build_colbert, tiny, tmp_path, strategy, attend
) -> None:
    expansion = strategy and {"strategy": strategy, "attend": attend, "length": 32}
    folder = build_colbert(tmp_path / "colbert", tiny, expansion=expansion)
    encoder = MultiVectorEncoder(str(folder), device="cpu")
    queries = ["who likes it?", "a", "The quick brown fox"]
    texts = [text for text in TEXTS if text.strip()]
    _, asked = encoder.encode_query_tokens(queries, all_of)
    _, found = encoder.encode_document_tokens(texts, all_of)
    for query, tokens in zip(queries, asked, strict=True):  # one by one: padding plays no part
        expected = encoder.model.encode_query(query, convert_to_numpy=True)
        assert len(expected) == (32 if expansion else len(tokens.ids))
        np.testing.assert_allclose(tokens.rows, expected, atol=1e-5)
    for text, tokens in zip(texts, found, strict=True):
        expected = encoder.model.encode_document(text, convert_to_numpy=True)
        np.testing.assert_allclose(tokens.rows, expected, atol=1e-5)
    library = encoder.model.similarity(
        [encoder.model.encode_query(query) for query in queries],
        [encoder.model.encode_document(text) for text in texts],
    ).numpy()
    ours = np.stack([chamfer(q.rows, [d.rows for d in found]) for q in asked])
    np.testing.assert_allclose(ours, library, atol=1e-3)


@pytest.mark.parametrize("name", ["query", "document"])
def test_spans_are_the_characters_of_tokens_and_empty_for_others(encoder, name) -> None:
    text = "Ada (of Rome) likes limes."
    [tokens] = getattr(encoder, f"encode_{name}_tokens")([text], all_of)[1]
    ids = encoder.model.tokenizer.convert_ids_to_tokens(tokens.ids.tolist())
    for token, (start, end) in zip(ids, tokens.spans, strict=True):
        if end > start:
            assert text[start:end].lower() == token.removeprefix("##")
    said = "".join(text[start:end] for start, end in tokens.spans)
    silent = [token for token, (a, b) in zip(ids, tokens.spans, strict=True) if a == b]
    if name == "document":  # punctuation is skipped, the prompt's letter and the ends are not
        assert said == "AdaofRomelikeslimes" and silent == ["[CLS]", "d", "[SEP]"]
    else:
        assert said == text.replace(" ", "")
        assert silent[:3] == ["[CLS]", "q", ":"] and set(silent[3:]) == {"[SEP]", "[MASK]"}
        assert len(ids) == 32


def test_the_one_vector_is_the_mean_of_the_scored_tokens(encoder) -> None:
    for name in ("query", "document"):
        rows, tokens = getattr(encoder, f"encode_{name}_tokens")(TEXTS, all_of)
        np.testing.assert_array_equal(rows, getattr(encoder, f"encode_{name}")(TEXTS))
        means = np.stack([one.rows.mean(axis=0) for one in tokens])
        np.testing.assert_allclose(rows, unit(means), atol=1e-6)
        assert encoder.signature.dim == encoder.token_dim == rows.shape[1] == 16
    assert encoder.signature.max_tokens == 48
    assert encoder.signature.query_prompt == "Q: "


def test_tokens_do_not_depend_on_the_batch(encoder) -> None:
    for name in ("query", "document"):
        encode = getattr(encoder, f"encode_{name}_tokens")
        for text, together in zip(TEXTS, encode(TEXTS, all_of)[1], strict=True):
            [alone] = encode([text], all_of)[1]
            np.testing.assert_array_equal(together.rows, alone.rows)
            np.testing.assert_array_equal(together.spans, alone.spans)


@pytest.mark.parametrize("name", ODD)
def test_any_text_has_tokens(encoder, name) -> None:
    for side in ("query", "document"):
        [one] = getattr(encoder, f"encode_{side}_tokens")([ODD[name]], all_of)[1]
        assert len(one.ids) == len(one.rows) == len(one.spans) >= 1
        assert np.isfinite(one.rows).all() and one.ids.dtype == np.int32
        assert (one.spans >= 0).all() and (one.spans <= len(ODD[name])).all()


def test_kept_results_stand_in_the_texts_order(encoder) -> None:
    texts = ["one", "two three four five six seven eight nine", "one", ""]
    rows, kept = encoder.encode_document_tokens(texts, lambda tokens: len(tokens.ids))
    assert kept[0] == kept[2] < kept[1] and len(rows) == len(kept) == 4
    rows, kept = encoder.encode_query_tokens([], all_of)
    assert rows.shape == (0, 16) and kept == []


@pytest.fixture(params=["lance", "memory"])
def index(request, encoder, tmp_path):
    if request.param == "memory":
        index = Index.in_memory(encoder=encoder, tokens=True)
    else:
        index = Index.create(tmp_path / "kb", encoder=encoder, tokens=True)
    index.add(Document(f"d{i}", text) for i, text in enumerate(TEXTS))
    return index


def test_an_index_keeps_the_tokens_and_opens_again(index, encoder, tmp_path, tiny) -> None:
    hits = index.search("quick fox", k=3)
    assert any(part.leg == "tokens" for part in hits[0].parts)
    if not (tmp_path / "kb").exists():
        return
    assert Index.open(tmp_path / "kb", encoder=encoder).search("quick fox", k=3) == hits
    with pytest.raises(SpaceMismatch):
        Index.open(tmp_path / "kb", encoder=SentenceEncoder(str(tiny), device="cpu"))


def test_stored_maxsim_is_the_formula_on_sign_bits(index, encoder) -> None:
    mean = index.spaces.own.mean
    reranker = StoredMaxSimReranker(index.store, index.spaces.own)
    hits = index.search("the quick fox", k=5)
    [query] = encoder.encode_query_tokens(["the quick fox"], all_of)[1]
    expected = []
    for hit in hits:
        [document] = encoder.encode_document_tokens([hit.text], all_of)[1]
        signs = np.where(document.rows > mean, 1.0, -1.0) / 4.0
        expected.append((unit(query.rows - mean) @ signs.T).max(axis=1).sum())
    scores = reranker.rerank(Query("the quick fox"), hits)
    np.testing.assert_allclose(scores, expected, atol=1e-4)
    found = Reranked(index.retriever, reranker).retrieve([Query("the quick fox", k=5)])[0]
    assert [hit.parts[-1].raw for hit in found] == sorted(scores.tolist(), reverse=True)
    assert reranker.rerank(Query("x"), []).shape == (0,)


def test_a_chunk_deleted_since_comes_last(index) -> None:
    hits = index.search("fox", k=4)
    index.delete([hits[1].chunk.doc_id])
    scores = StoredMaxSimReranker(index.store, index.spaces.own).rerank(Query("fox"), hits)
    gone = [hit.chunk.doc_id == hits[1].chunk.doc_id for hit in hits]
    assert not all(gone) and [score == 0.0 for score in scores] == gone


def test_maxsim_reranks_what_any_index_found(encoder) -> None:
    index = Index.in_memory(encoder=HashEncoder())
    index.add(Document(f"d{i}", text, title="On") for i, text in enumerate(TEXTS))
    query = Query("the brown dog", k=9)
    hits = Reranked(index.retriever, MaxSimReranker(encoder)).retrieve([query])[0]
    asked = encoder.model.encode_query(query.text)
    for hit in hits:
        document = encoder.model.encode_document("On\n" + hit.text)
        expected = encoder.model.similarity([asked], [document])[0, 0].item()
        assert hit.parts[-1].raw == pytest.approx(expected, abs=1e-3)
    assert MaxSimReranker(encoder).rerank(query, []).shape == (0,)


def test_only_spaces_with_tokens_can_be_scored_from_the_store(encoder) -> None:
    index = Index.in_memory(encoder=encoder)
    with pytest.raises(BadInput, match="tokens=True"):
        StoredMaxSimReranker(index.store, index.spaces.own)


def test_models_of_another_kind_are_refused(build_colbert, tiny, tmp_path) -> None:
    """The library would put a projection with random weights on them."""
    with pytest.raises(ModelUnavailable, match="tokens=True"):
        MultiVectorEncoder(str(tiny))
    with pytest.raises(ModelUnavailable, match="merges tokens"):
        MultiVectorEncoder(str(build_colbert(tmp_path / "pooled", tiny, pooled=True)))
    with pytest.raises(ModelUnavailable, match="no-such-model"):
        MultiVectorEncoder("no-such-model")


def test_a_stanford_checkpoint_loads_with_its_markers(tiny, tmp_path) -> None:
    """Weights of the projection inline, settings in artifact.metadata."""
    import shutil

    from safetensors.numpy import load_file, save_file

    folder = tmp_path / "stanford"
    folder.mkdir()
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tiny / name, folder / name)
    config = json.loads((folder / "config.json").read_text())
    config["architectures"] = ["HF_ColBERT"]
    (folder / "config.json").write_text(json.dumps(config))
    weights = load_file(tiny / "model.safetensors")
    linear = np.random.default_rng(0).normal(size=(16, 32)).astype(np.float32)
    save_file(
        {f"bert.{name}": rows for name, rows in weights.items()} | {"linear.weight": linear},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )
    metadata = {"query_maxlen": 20, "doc_maxlen": 30, "query_token_id": "[UNK]"}
    (folder / "artifact.metadata").write_text(json.dumps(metadata))
    encoder = MultiVectorEncoder(str(folder), device="cpu")
    assert encoder.signature.max_tokens == 30 and encoder.token_dim == 16
    assert encoder.signature.query_prompt == "[UNK] "
    [tokens] = encoder.encode_query_tokens(["ada"], all_of)[1]
    names = encoder.model.tokenizer.convert_ids_to_tokens(tokens.ids.tolist())
    assert names[:2] == ["[CLS]", "[UNK]"] and names[-1] == "[MASK]" and len(names) == 20
    np.testing.assert_allclose(
        tokens.rows, encoder.model.encode_query("ada", convert_to_numpy=True), atol=1e-5
    )


def chamfer_by_hand(query, document) -> float:
    return sum(max((float(q @ d) for d in document), default=0.0) for q in query)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 4), st.lists(st.integers(0, 4), max_size=4), st.integers(0, 2**32 - 1))
def test_chamfer_is_the_sum_of_best_matches(m, sizes, seed) -> None:
    rng = np.random.default_rng(seed)
    query = rng.normal(size=(m, 3)).astype(np.float32)
    documents = [rng.normal(size=(n, 3)).astype(np.float32) for n in sizes]
    expected = [chamfer_by_hand(query, one) for one in documents]
    np.testing.assert_allclose(chamfer(query, documents), expected, atol=1e-4)


def test_it_is_pickled_as_the_call_that_made_it(encoder) -> None:
    pickled = pickle.dumps(encoder)
    again = pickle.loads(pickled)
    assert len(pickled) < 1000 and again.signature == encoder.signature
    np.testing.assert_array_equal(again.encode_query(TEXTS), encoder.encode_query(TEXTS))
