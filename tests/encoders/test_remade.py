"""Encoders are pickled as the call that made them, and copied as themselves."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from rag_embed.encoders import FunctionEncoder, OpenVINOEncoder, SentenceEncoder
from rag_embed.errors import BadInput

TEXTS = ["the red fox", "a blue sea"]


@pytest.mark.parametrize("kind", [SentenceEncoder, OpenVINOEncoder])
def test_a_model_of_a_relative_folder_is_found_from_another(kind, tiny, monkeypatch, tmp_path):
    monkeypatch.chdir(tiny.parent)
    encoder = kind(tiny.name, document_prompt="doc: ", token_budget=512)
    pickled = pickle.dumps(encoder)
    assert len(pickled) < 1000
    monkeypatch.chdir(tmp_path)
    again = pickle.loads(pickled)
    assert not encoder.signature.difference(again.signature)
    assert again.signature.document_prompt == "doc: "
    np.testing.assert_array_equal(again.encode_query(TEXTS), encoder.encode_query(TEXTS))
    assert copy.deepcopy(encoder) is copy.copy(encoder) is encoder


def test_a_wrapped_model_goes_with_its_weights(tiny):
    encoder = SentenceEncoder.wrap(SentenceEncoder(str(tiny)).model, query_prompt="q: ")
    again = pickle.loads(pickle.dumps(encoder))
    assert again.signature == encoder.signature
    np.testing.assert_array_equal(again.encode_query(TEXTS), encoder.encode_query(TEXTS))


def lengths(texts):
    return [[len(text), 1.0] for text in texts]


def test_functions_are_pickled_by_their_names():
    encoder = FunctionEncoder(lengths, name="lengths", max_tokens=9)
    again = pickle.loads(pickle.dumps(encoder))
    assert again.signature == encoder.signature and again.max_tokens == 9
    nameless = FunctionEncoder(lengths, lambda texts: lengths(texts), name="half")
    with pytest.raises(BadInput, match=r"'half' cannot be pickled.*top level"):
        pickle.dumps(nameless)
    assert copy.deepcopy(nameless) is nameless
