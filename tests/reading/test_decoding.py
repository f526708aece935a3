"""Encodings: what the file says, then UTF-8, then a guess that is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_embed import Index
from rag_embed.encoders import HashEncoder
from rag_embed.reading import read
from rag_embed.reading.decoding import decode

TEXTS = {
    "cp932": "日本語の文章です。東京は日本の首都であり、世界最大級の都市である。カタカナも使います。",
    "euc_jp": "日本語の文章です。東京は日本の首都であり、世界最大級の都市である。カタカナも使います。",
    "gb18030": "这是一个中文文本。北京是中国的首都，也是全国的政治和文化中心。",
    "big5": "這是一個中文文本。台北是台灣的首都，也是全國的政治和文化中心。",
    "cp949": "이것은 한국어 문장입니다. 서울은 대한민국의 수도이며 가장 큰 도시이다.",
    "cp1251": "Москва является столицей России. Это русский текст.",
    "koi8_r": "Москва является столицей России. Это русский текст.",
    "koi8_u": "Це документ для перевірки пошуку, і їхні літери ґречні. Київ є столицею України.",
    "cp866": "Москва является столицей России. Это русский текст.",
    "iso2022_jp": "日本語の文章です。東京は日本の首都であり、世界最大級の都市である。",
    "cp1253": "Η Αθήνα είναι η πρωτεύουσα της Ελλάδας και η μεγαλύτερη πόλη της χώρας.",
    "cp1255": "ירושלים היא עיר הבירה של מדינת ישראל והעיר הגדולה ביותר בה.",
    "cp1256": "القاهرة هي عاصمة جمهورية مصر العربية وأكبر مدنها من حيث عدد السكان.",
    "cp874": "กรุงเทพมหานครเป็นเมืองหลวงและนครที่มีประชากรมากที่สุดของประเทศไทย",
}
LATIN = [
    ("cp1252", "Dr. Müller kommt morgen."),
    ("cp1252", "Der Bär läuft über die Straße. L’été est déjà là."),
    ("cp1252", "A naïve résumé of a text in English, with few such words in it."),
    ("cp1252", "El niño pequeño comió mañana en España. ¿Qué pasó?"),
    ("cp1252", "He said “hello” — and it’s fine."),
    ("cp1250", "Praha je hlavní a současně největší město České republiky, leží na Vltavě."),
    ("cp1250", "Zażółć gęślą jaźń. Polska leży w Europie Środkowej."),
    ("iso8859_2", "Zażółć gęślą jaźń. Polska leży w Europie Środkowej."),
    ("cp1250", "Árvíztűrő tükörfúrógép: Budapest Magyarország fővárosa."),
    ("cp1254", "İstanbul Türkiye'nin en kalabalık şehridir. Güneş doğudan yükselir."),
    ("cp1257", "Vilnius yra Lietuvos sostinė. Ąžuolas, ėglė, šaltinis, žąsis, ūkis."),
]


@pytest.mark.parametrize(("encoding", "text"), [*TEXTS.items(), *LATIN])
@pytest.mark.parametrize("around", ["{}", "/* {} */\nint main() {{\n  return 0;\n}}\n"])
def test_the_encodings_of_the_world_are_guessed(encoding, text, around) -> None:
    text = around.format(text)
    found = decode(text.encode(encoding))
    assert found.text == text and found.guessed


@given(st.text(), st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]))
def test_utf_is_read_exactly(text, encoding) -> None:
    if ("\0" in text and encoding == "utf-8") or (text[:1] == "\0" and encoding == "utf-16"):
        return  # the first is no text, the second begins as UTF-32 does
    found = decode(text.encode(encoding))
    assert found.text == text.replace("\r\n", "\n").replace("\r", "\n") and not found.guessed


@pytest.mark.parametrize("bad", [b"\xff", b"\xe9", b"\xc3", b"\x80"])
def test_one_bad_byte_is_one_bad_character(bad) -> None:
    raw = "Grüße aus der Straße. ".encode() + bad + " Schöne Grüße.".encode()
    found = decode(raw)
    assert found.text == "Grüße aus der Straße. \ufffd Schöne Grüße."
    assert (found.encoding, found.guessed) == ("utf-8", False)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    "text",
    [
        "Plain text.\n",
        "Grüße 日本\n",
        "一个文件。\n这是一个中文文本，北京是中国的首都。\n",
        TEXTS["euc_jp"],
        TEXTS["cp949"],
    ],
)
def test_utf_16_needs_no_mark(encoding, text) -> None:
    assert decode(text.encode(encoding)) == (text, encoding, True)
    assert decode(text.encode(encoding) + b"\0") is None


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        ("# -*- coding: {} -*-\n", "koi8-r"),
        ('<?xml version="1.0" encoding="{}"?>\n', "windows-1251"),
        ('@charset "{}";\n', "iso-8859-5"),
        ("# vim: set fileencoding={} :\n", "cp866"),
        ("charset={}\n", "iso-2022-jp"),
    ],
)
def test_what_a_file_declares_counts(head, encoding) -> None:
    text = (head + ("日本" if "jp" in encoding else "Да")).format(encoding)
    assert decode(text.encode(encoding)) == (text, encoding, False)
    wrong = head.format("ascii") + "Да"
    assert decode(wrong.encode()).text == wrong


def test_a_report_tells_what_was_guessed(tmp_path) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "a.txt").write_bytes(TEXTS["cp1251"].encode("cp1251"))
    (folder / "b.txt").write_text("plain")
    (document, _) = read(folder)
    assert document.metadata["encoding"] == "cp1251" and document.metadata["encoding_guessed"]
    report = Index.in_memory(encoder=HashEncoder()).add_files(folder)
    assert report.guessed == (("texts/a.txt", "cp1251"),)


def test_guessing_looks_at_lines_that_are_not_ascii() -> None:
    text = "plain ascii text\n" * 20_000 + TEXTS["cp1251"]
    assert decode(text.encode("cp1251")).text == text
