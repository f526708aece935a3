from __future__ import annotations

import lancedb
import pyarrow as pa
import pytest

from rag_embed.analysis import Analyzer
from rag_embed.errors import BadInput
from rag_embed.stores.tables import full_text

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


@pytest.mark.parametrize(
    "analyzer",
    [
        Analyzer(),
        Analyzer(stem=False),
        Analyzer(stop_words=()),
        Analyzer("german"),
        Analyzer("russian"),
    ],
    ids=str,
)
def test_words_are_those_of_the_full_text_index(tmp_path, analyzer) -> None:
    """Our analysis, used by the in-memory reference, against LanceDB's own tokeniser."""
    schema = pa.schema([pa.field("text", pa.string())])
    table = lancedb.connect(tmp_path).create_table("t", schema=schema)
    table.create_index("text", config=full_text(analyzer))
    for text in TEXTS:
        theirs = [token.text for token in table.tokenize(text, column="text")]
        assert analyzer.words(text) == theirs, text


def test_unknown_language_is_refused() -> None:
    with pytest.raises(BadInput, match="language"):
        Analyzer("klingon")
