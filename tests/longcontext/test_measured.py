"""Models that read short texts as the measured one does keep what was measured; others say so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from longcontext.tiny_models import text
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense

from rag_embed import Document, Index, encoders
from rag_embed.encoders import HashEncoder, OpenVINOEncoder, SentenceEncoder
from rag_embed.encoders.minilm import DEFAULT, FINGERPRINTS
from rag_embed.encoders.models import resolve
from rag_embed.encoders.windowed import TokenWindows
from rag_embed.errors import BadInput
from rag_embed.longcontext import extend, save, windows
from rag_embed.ranking.relevance import ANY_MODEL, MEASURED

pytestmark = pytest.mark.usefixtures("loaded_once")

_MINILM = MEASURED[next(iter(FINGERPRINTS))].fitted_to

DOCUMENTS = [
    Document("fox", "The red fox runs over the hill at night."),
    Document("sea", "The blue sea is calm in the morning."),
    Document("files", "A context manager closes the file for you.", title="Files"),
]
QUESTIONS = ["who runs at night?", "how do I close a file?", "colour of the sea"]


@pytest.fixture(scope="module")
def minilm() -> SentenceTransformer:
    return SentenceTransformer(str(resolve(DEFAULT).path))


@pytest.fixture(scope="module")
def plain() -> Index:
    index = Index.in_memory()
    index.add(DOCUMENTS)
    return index


def check_like_the_measured_one(encoder, plain: Index) -> None:
    index = Index.in_memory(encoder=encoder)
    index.add(DOCUMENTS)
    assert index.spaces.own.signature.tokens
    assert index.experts.calibration.fitted_to == _MINILM
    for mine, theirs in zip(
        index.search_many(QUESTIONS), plain.search_many(QUESTIONS), strict=True
    ):
        assert [hit.id for hit in mine] == [hit.id for hit in theirs]
        np.testing.assert_allclose(
            [hit.relevance for hit in mine], [hit.relevance for hit in theirs], atol=0.02
        )


def test_the_default_model_however_it_was_loaded(minilm, plain) -> None:
    assert encoders.load().signature.fingerprint in FINGERPRINTS
    check_like_the_measured_one(SentenceEncoder.wrap(minilm), plain)


def test_an_extended_one(minilm, plain) -> None:
    check_like_the_measured_one(
        SentenceEncoder.wrap(extend(minilm, 1024, "recurrent", scaling="log-n")), plain
    )


def test_an_extended_one_from_a_folder(minilm, tmp_path) -> None:
    save(extend(minilm, 1024, "grouped"), tmp_path / "long")
    encoder = encoders.load(str(tmp_path / "long"))
    assert encoder.signature.fingerprint in FINGERPRINTS
    assert encoder.signature.weights != encoders.load().signature.weights


def test_windows_over_it(plain) -> None:
    check_like_the_measured_one(windows(DEFAULT), plain)


@pytest.mark.parametrize(
    "options", [{"scaling": 0.9}, {"trained_tokens": 100}], ids=["temperature", "short"]
)
def test_one_that_changes_short_texts_is_another_model(minilm, options) -> None:
    encoder = SentenceEncoder.wrap(extend(minilm, 1024, "recurrent", **options))
    assert encoder.signature.fingerprint not in FINGERPRINTS
    index = Index.in_memory(encoder=encoder)
    assert (
        not index.spaces.own.signature.tokens
        and index.experts.calibration.fitted_to == ANY_MODEL.fitted_to
    )


def test_centred_windows_are_another_space() -> None:
    encoder = windows(HashEncoder(), 3)
    centred = encoder.centred(["a b c d", "e f g"])
    assert encoder.signature.fingerprint == HashEncoder().signature.fingerprint
    assert centred.signature.fingerprint != encoder.signature.fingerprint


def test_one_cut_short_keeps_tokens_and_says_what_relevance_goes_by() -> None:
    cut, less = (
        SentenceEncoder.wrap(SentenceTransformer(str(resolve(DEFAULT).path), truncate_dim=dim))
        for dim in (128, 64)
    )
    assert not Index.in_memory(encoder=less).spaces.own.signature.tokens  # nobody has measured it
    assert not Index.in_memory(encoder=cut, tokens=False).spaces.own.signature.tokens
    index = Index.in_memory(encoder=cut)
    index.add(DOCUMENTS)
    assert [index.search(q, k=1)[0].chunk.doc_id for q in QUESTIONS] == ["fox", "files", "sea"]
    assert "tokens" in [part.leg for part in index.search(QUESTIONS[0], k=1)[0].parts]
    assert index.experts.calibration.fitted_to == ANY_MODEL.fitted_to
    assert Index.in_memory().experts.calibration.fitted_to == _MINILM


def test_one_cut_short_is_the_same_through_openvino(tiny, tmp_path) -> None:
    model = tiny("bert")
    model.save(str(tmp_path / "whole"))
    cut = SentenceTransformer(str(tmp_path / "whole"), truncate_dim=8)
    cut.save(str(tmp_path / "cut"))
    fast = OpenVINOEncoder(str(tmp_path / "cut"), precision="f32")
    slow = SentenceEncoder(str(tmp_path / "cut"))
    texts = [text(9), text(20)]
    assert fast.signature == slow.signature and fast.signature.dim == 8
    np.testing.assert_allclose(fast.encode_query(texts), slow.encode_query(texts), atol=1e-5)
    (rows, mine), (_, theirs) = (
        one.encode_document_tokens(texts, lambda tokens: tokens.rows) for one in (fast, slow)
    )
    np.testing.assert_array_equal(rows, fast.encode_document(texts))
    for some, others in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(some, others, atol=1e-5)
    whole = OpenVINOEncoder(str(tmp_path / "whole"), precision="f32")
    assert whole.encode_query(texts).shape == (2, 32)


def test_tokens_that_do_not_fit_the_vectors_are_refused(tiny) -> None:
    base = tiny("bert")
    model = SentenceTransformer(modules=[base[0], base[1], Dense(32, 16)])
    with pytest.raises(BadInput, match=r"token vectors of 32 numbers and text vectors of 16"):
        Index.in_memory(encoder=SentenceEncoder.wrap(model), tokens=True)


class TestTokensOfWindows:
    @pytest.fixture
    def encoder(self, tiny) -> SentenceEncoder:
        return SentenceEncoder.wrap(tiny("bert"))

    def test_one_window_is_the_models_own(self, encoder) -> None:
        texts = [text(12), ""]
        mine = windows(encoder, 20).encode_document_tokens(texts, lambda tokens: tokens)
        theirs = encoder.encode_document_tokens(texts, lambda tokens: tokens)
        np.testing.assert_allclose(mine[0], theirs[0], atol=1e-6)
        for one, other in zip(mine[1], theirs[1], strict=True):
            np.testing.assert_array_equal(one.rows, other.rows)
            np.testing.assert_array_equal(one.spans, other.spans)

    @pytest.mark.parametrize("overlap", [0, 5])
    def test_every_token_of_a_long_text_comes_once(self, encoder, overlap) -> None:
        texts = [text(100), text(9), text(70, seed=1)]
        cut = windows(encoder, 12, overlap=overlap)
        assert isinstance(cut, TokenWindows)
        rows, tokens = cut.encode_document_tokens(texts, lambda tokens: tokens)
        np.testing.assert_array_equal(rows, cut.encode_document(texts))
        for one, other in zip(texts, tokens, strict=True):
            np.testing.assert_array_equal(other.spans, encoder.token_spans(one))
            assert len(other.ids) == len(other.rows) == len(other.norms)

    def test_many_texts_are_those_texts(self, encoder) -> None:
        cut = windows(encoder, 10)
        texts = [text(10 + i, seed=i) for i in range(90)]
        _, together = cut.encode_document_tokens(texts, lambda tokens: tokens.rows)
        for one, rows in zip(texts[::30], together[::30], strict=True):
            [alone] = cut.encode_document_tokens([one], lambda tokens: tokens.rows)[1]
            np.testing.assert_array_equal(rows, alone)

    def test_an_encoder_without_tokens_gives_none(self) -> None:
        with pytest.raises(BadInput, match="gives no token vectors"):
            Index.in_memory(encoder=windows(HashEncoder(), 5), tokens=True)


def test_the_fingerprint_is_no_part_of_a_difference() -> None:
    signature = HashEncoder().signature
    assert signature.difference(replace(signature, alike="x")) == {}
