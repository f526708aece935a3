from __future__ import annotations

from functools import cache
from typing import Any

import lancedb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_embed.analysis import VERSION, Analyzer
from rag_embed.errors import BadInput
from rag_embed.stores.full_text import SPACES
from rag_embed.stores.held_words import said_by

TEXTS = [
    "The cafés were running; she'd said: O'Brien's naïve C++ foo_bar 3.11, snake_case!",
    "Any because during only very was having yourself",
    "Straße ÆSIR œuvre Łódź x² km² İstanbul ｆｕｌｌ",
    "日本語 テスト 한국어 русский язык ελληνικά",
    "q" * 39 + " " + "r" * 40 + " " + "é" * 19 + " " + "é" * 20,
    "a-b_c/d\\e f\tg\nh\0i “quoted” — dash…",
    "",
    "?!",
]


STEMMED = "cafe run said o brien naiv c foo bar 3 11 snake case"


@pytest.mark.parametrize(
    ("analyzer", "first"),
    [
        (Analyzer(), STEMMED),
        (Analyzer(stem=False), "cafes running said o brien naive c foo bar 3 11 snake case"),
        (
            Analyzer(stop_words=()),
            "the cafe were run she d said o brien s naiv c foo bar 3 11 snake case",
        ),
        (
            Analyzer("german"),
            "the cafes wer running she d said o brien s naiv c foo bar 3 11 snak cas",
        ),
    ],
    ids=str,
)
def test_words_are_those_that_indexes_hold(analyzer, first) -> None:
    """Whoever changes them raises `VERSION`, so that indexes are analysed anew."""
    assert VERSION == 2
    assert analyzer.words(TEXTS[0]) == first.split()


def test_scripts_ligatures_and_long_words() -> None:
    words = [Analyzer().words(text) for text in TEXTS]
    assert words[1:3] == [
        [],
        ["strasse", "aesir", "oeuvr", "lodz", "x2", "km2", "i̇stanbul", "full"],
    ]
    assert words[3] == ["日本語", "テスト", "한국어", "русский", "язык", "ελληνικά"]
    assert words[4:] == [
        ["q" * 39, "e" * 19],
        ["b", "c", "e", "f", "g", "h", "quot", "dash"],
        [],
        [],
    ]


@given(st.lists(st.text(min_size=1).filter(lambda one: one.split() == [one])))
def test_the_full_text_index_and_memory_take_words_as_they_are(words) -> None:
    """They split at spaces, whatever the words are made of."""
    stored = "".join(f"{word} " for word in words)
    said, lengths = said_by(pa.chunked_array([[stored]]))
    assert [word[:-1] for word in said.to_pylist()] == words and lengths.tolist() == [len(words)]
    assert [one.text for one in _split_by_spaces().tokenize(stored, column="words")] == words


@given(st.text(), st.sampled_from([Analyzer(), Analyzer(stem=False), Analyzer("turkish")]))
def test_no_word_holds_a_space(text, analyzer) -> None:
    """Spaces are where stores cut what they keep."""
    assert all(word.split() == [word] for word in analyzer.words(text))


@pytest.mark.parametrize(
    ("language", "text"), [("arabic", "\u0640 a"), ("greek", "\u0386\u0393\u03ac a")]
)
def test_a_word_of_which_its_stem_leaves_nothing_is_none(language, text) -> None:
    """Memory would count it, and the full-text index would not."""
    assert Analyzer(language).words(text) == ["a"]


@cache
def _split_by_spaces() -> Any:
    table = lancedb.connect("memory://").create_table(
        "t", schema=pa.schema([pa.field("words", pa.string())])
    )
    table.create_index("words", config=SPACES)
    return table


def test_unknown_language_is_refused() -> None:
    with pytest.raises(BadInput, match="language"):
        Analyzer("klingon")
