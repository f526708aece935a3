"""Which part of a passage is shown, and the marks in it."""

from __future__ import annotations

import pytest

from rag_embed.analysis import Analyzer
from rag_embed.indexing.marks import marks, window, within

FILLER = "We open at nine and close at five. "


@pytest.mark.parametrize("before", [0, 3, 40])
@pytest.mark.parametrize("after", [0, 40])
@pytest.mark.parametrize("most", [120, 300])
def test_the_answer_is_shown_with_its_sentence(before, after, most) -> None:
    answer = "Parents may stay at home for thirty days. "
    text = FILLER * before + answer + FILLER * after
    marked = marks(text, ["parent", "thirti", "day"], Analyzer())
    start, end = window(text, marked, most)
    assert answer.strip() in text[start:end] and end - start <= most * 1.2
    assert [text[start:end][one.start : one.end] for one in within(marked, start, end)] == [
        "Parents",
        "thirty",
        "days",
    ]


def test_different_words_count_more_than_one_word_often() -> None:
    text = "Tea, tea, tea, tea. " + FILLER * 20 + "Green tea is hot. " + FILLER * 20
    start, end = window(text, marks(text, ["tea", "green"], Analyzer()), 120)
    assert text[start:].startswith("Green tea is hot.") and end < len(text)


def test_a_sentence_without_end_is_entered_near_the_mark() -> None:
    text = "so on and so forth " * 100 + "until the whale sings " + "and so on " * 50
    start, end = window(text, marks(text, ["whale"], Analyzer()), 200)
    assert "whale" in text[start:end] and start > 0


def test_nothing_marked_shows_the_beginning() -> None:
    assert window(FILLER * 30, [], 200)[0] == 0
