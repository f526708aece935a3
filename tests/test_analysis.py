from __future__ import annotations

from functools import cache
from typing import Any

import lancedb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_embed import Document, Index, Query
from rag_embed.analysis import VERSION, Analyzer
from rag_embed.encoders import HashEncoder
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


WHOLE = "foo_bar snake_cas 3.11 c++"
STEMMED = f"cafe run said o brien naiv c foo bar 3 11 snake case {WHOLE}"


@pytest.mark.parametrize(
    ("analyzer", "first"),
    [
        (Analyzer(), STEMMED),
        (
            Analyzer(stem=False),
            "cafes running said o brien naive c foo bar 3 11 snake case foo_bar snake_case 3.11 c++",
        ),
        (
            Analyzer(stop_words=()),
            f"the cafe were run she d said o brien s naiv c foo bar 3 11 snake case {WHOLE}",
        ),
        (
            Analyzer("german"),
            f"the cafes wer running she d said o brien s naiv c foo bar 3 11 snak cas {WHOLE} caf",
        ),
    ],
    ids=str,
)
def test_words_are_those_that_indexes_hold(analyzer, first) -> None:
    """Whoever changes them raises `VERSION`, so that indexes are analysed anew."""
    assert VERSION == 4
    assert analyzer.words(TEXTS[0]) == first.split()


def test_scripts_ligatures_and_long_words() -> None:
    words = [Analyzer().words(text) for text in TEXTS]
    assert words[1:3] == [
        [],
        ["strasse", "aesir", "oeuvr", "lodz", "x2", "km2", "istanbul", "full", "strass"],
    ]
    assert words[3] == [
        "日本",
        "本語",
        "テス",
        "スト",
        "한국",
        "국어",
        "русский",
        "язык",
        "ελληνικά",
    ]
    assert words[4:] == [
        ["q" * 39, "r" * 40, "e" * 19, "e" * 20],
        ["b", "c", "e", "f", "g", "h", "quot", "dash", "b_c"],
        [],
        [],
    ]


@pytest.mark.parametrize(
    ("language", "written", "asked"),
    [
        ("english", "classi\ufb01cation", "classification"),
        ("english", "classification", "classi\ufb01cation"),
        ("english", "co\u00adoperation, zero\u200bwidth", "cooperation zerowidth"),
        ("english", "infor-\nmation", "information"),
        ("english", "infor\u2010\nmation", "information"),
        ("english", "infor\u00ad\nmation", "information"),
        ("english", "infor-\r\nmation", "information"),
        ("english", "שָׁלוֹם", "שלום"),
        ("english", "كِتَابٌ", "كتاب"),
        ("english", "كـتـاب", "كتاب"),
        ("english", "résumé", "resume"),
        ("english", "resume", "résumé"),
        ("english", "İstanbul", "istanbul"),
        ("english", "cafe\u0301", "café"),
        ("portuguese", "informação", "informacao"),
        ("french", "élève", "eleve"),
        ("english", "John Doe owned AT&T", "doe owned at&t"),
        ("english", "Master theses", "theses"),
        ("english", "getUserName()", "user name"),
        ("english", "user name", "getUserName"),
        ("english", "parse_json(text)", "parse_json"),
        ("english", "HTTPServerError", "server"),
        ("english", "Python 3.11", "3.11"),
        ("english", "PPR9087", "PPR-9087"),
        ("english", "C++ and C#", "c++ c#"),
        ("english", "a" * 128, "a" * 128),
        ("english", "ｆｕｌｌ ﾃｽﾄ", "full テスト"),
        ("english", "हिन्दी भाषा", "हिन्दी"),
        ("english", "សួស្តី", "សួស្តី"),
    ],
)
def test_spellings_that_mean_the_same_meet(language, written, asked) -> None:
    words = Analyzer(language)
    assert set(words.words(asked)) & set(words.words(written))


def test_accents_still_tell_forms_of_a_word_apart_for_the_stemmer() -> None:
    """Folded before stemming, ``mangée`` would be another word than ``mangé``."""
    french = Analyzer("french")
    assert french.words("mangée")[0] == french.words("mangé")[0]


SENTENCES = {
    "zh": [
        ("水獭在河边的洞穴里过冬。", "水獭 过冬"),
        ("图书馆每天早上九点开门，周日休息。", "图书馆几点开门"),
        ("这座桥是一八九零年用石头建成的。", "石头桥"),
        ("退货必须在三十天内寄回。", "退货期限"),
        ("面包要在烤箱里烤四十分钟。", "烤面包多久"),
    ],
    "ja": [
        ("カワウソは川岸の巣穴で冬を越す。", "カワウソの巣穴"),
        ("図書館は毎朝九時に開き、日曜日は休みです。", "図書館の開館"),
        ("この橋は一八九〇年に石で造られた。", "石の橋"),
        ("返品は三十日以内に送り返してください。", "返品の期限"),
        ("パンはオーブンで四十分焼きます。", "パンを焼く"),
    ],
    "ko": [
        ("수달은 강가의 굴에서 겨울을 난다.", "수달의 겨울"),
        ("도서관은 매일 아침 아홉 시에 문을 연다.", "도서관 시간"),
        ("이 다리는 1890년에 돌로 지어졌다.", "돌다리는 언제"),
        ("반품은 삼십 일 안에 보내야 한다.", "반품 기한"),
        ("빵은 오븐에서 사십 분 동안 굽는다.", "오븐에 빵"),
    ],
    "th": [
        ("นากจำศีลในโพรงริมแม่น้ำ", "นากริมแม่น้ำ"),
        ("ห้องสมุดเปิดทุกเช้าเวลาเก้าโมง", "ห้องสมุดเปิดกี่โมง"),
        ("สะพานนี้สร้างด้วยหินเมื่อปีก่อน", "สะพานหิน"),
        ("ต้องส่งคืนสินค้าภายในสามสิบวัน", "ส่งคืนสินค้า"),
        ("อบขนมปังในเตาอบสี่สิบนาที", "อบขนมปัง"),
    ],
}


@pytest.mark.parametrize("language", SENTENCES)
def test_words_are_found_in_scripts_without_spaces(language) -> None:
    index = Index.in_memory(encoder=HashEncoder())
    index.add([Document(str(i), text) for i, (text, _) in enumerate(SENTENCES[language])])
    lexical = index.experts.hybrid().alone("lexical")
    asked = [Query(query, k=1) for _, query in SENTENCES[language]]
    found = [[hit.chunk.doc_id for hit in hits] for hits in lexical.retrieve(asked)]
    assert found == [[str(i)] for i in range(len(asked))]


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
    with pytest.raises(
        BadInput, match="one of arabic, .*, turkish, got 'japanese'.*leave it at 'auto'"
    ):
        Analyzer("japanese")
