"""Token vectors come from the pass that the text takes anyway, and know their characters."""

from __future__ import annotations

import numpy as np
import pytest

from rag_embed.encoders import OpenVINOEncoder, SentenceEncoder
from rag_embed.testing.encoder import ODD, TEXTS

pytest.importorskip("rag_embed.encoders.ov")


@pytest.fixture(params=["torch", "openvino"])
def encoder(request, tiny):
    if request.param == "torch":
        return SentenceEncoder(str(tiny), device="cpu")
    return OpenVINOEncoder(str(tiny), precision="f32")


@pytest.mark.parametrize("side", ["query", "document"])
def test_the_texts_own_rows_stay_the_same(encoder, side) -> None:
    texts = [*TEXTS, TEXTS[0], ""]
    rows, tokens = getattr(encoder, f"encode_{side}_tokens")(texts, lambda tokens: tokens)
    np.testing.assert_array_equal(rows, getattr(encoder, f"encode_{side}")(texts))
    assert len(tokens) == len(texts)
    for text, one in zip(texts, tokens, strict=True):
        assert one.rows.shape == (len(one.ids), encoder.signature.dim)
        assert one.spans.shape == (len(one.ids), 2) and one.ids.dtype == np.int32
        np.testing.assert_allclose(np.linalg.norm(one.rows, axis=1), 1.0, atol=1e-5)
        expected = encoder.token_spans(text)[: len(one.ids)]  # neither special tokens nor prompt
        np.testing.assert_array_equal(one.spans, expected)
        assert len(one.ids) == len(encoder.token_spans(text)) or len(one.ids) > 10  # else cut


def test_no_texts_give_nothing(encoder) -> None:
    rows, tokens = encoder.encode_query_tokens([], lambda tokens: tokens)
    assert rows.shape == (0, encoder.signature.dim) and tokens == []


def test_tokens_do_not_depend_on_the_batch(encoder) -> None:
    _, together = encoder.encode_document_tokens(TEXTS, lambda tokens: tokens.rows)
    for text, rows in zip(TEXTS, together, strict=True):
        [alone] = encoder.encode_document_tokens([text], lambda tokens: tokens.rows)[1]
        np.testing.assert_array_equal(rows, alone)


@pytest.mark.parametrize("name", ODD)
def test_any_text_has_tokens_inside_it(encoder, name) -> None:
    [one] = encoder.encode_document_tokens([ODD[name]], lambda tokens: tokens)[1]
    assert (one.spans[:, 0] < one.spans[:, 1]).all() and (one.spans <= len(ODD[name])).all()
    assert np.isfinite(one.rows).all()


def test_both_ways_agree(tiny) -> None:
    found = [
        encoder.encode_query_tokens(TEXTS, lambda tokens: tokens)[1]
        for encoder in (
            SentenceEncoder(str(tiny), device="cpu"),
            OpenVINOEncoder(str(tiny), precision="f32"),
        )
    ]
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one.ids, other.ids)
        np.testing.assert_allclose(one.rows, other.rows, atol=1e-4)
