"""What the page shows of a text: marks, Markdown without its signs, bars; and in time that is in proportion."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from rag_embed import Chunk, Hit
from rag_embed.analysis import Analyzer
from rag_embed.indexing.marks import Mark, marks
from rag_embed.ranking.token_matches import Heat, Match
from rag_embed.serving.page.bars import Scale
from rag_embed.serving.page.texts import blocks
from rag_embed.types import Part


def test_marks_are_what_lexical_search_reads() -> None:
    text = "Running runs; the runner ran. get_user_name, Cafés"
    found = marks(text, ("run", "user", "cafe"), Analyzer())
    assert [text[one.start : one.end] for one in found] == [
        "Running",
        "runs",
        "get_user_name",
        "Cafés",
    ]
    assert [(m.start, m.end) for m in marks("私は東京都に住む", ("東京", "京都"), Analyzer())] == [
        (2, 5)
    ]


def test_words_that_mean_alike_are_marked_where_they_stand() -> None:
    matches = (
        Match("car", "auto", 7, 11, 0.8, 0.3),
        Match("fast", "Title", 0, 5, 0.9, 0.3),
        Match("red", "rosy", 12, 16, 0.2, 0.3),
    )
    heat = Heat("Title\n\nauto rosy", np.zeros((0, 2), np.int64), np.zeros(0, np.float32), matches)
    assert marks("auto rosy", (), Analyzer(), heat) == [Mark(0, 4, "alike", "like “car”, 0.80")]
    assert marks("another text", (), Analyzer(), heat) == []


def shown(text: str, form: str | None = "markdown") -> list[tuple[str, str]]:
    def said(runs) -> str:
        return "".join(f"{run.style}:{''.join(p.text for p in run.pieces)}|" for run in runs)

    return [
        (one.kind, said(one.runs) or "/".join(said(c) for row in one.rows for c in row))
        for one in blocks(text, [], form)
    ]


def test_markdown_is_shown_without_its_signs() -> None:
    assert shown("# A `b` #\n\nx **y** *z* [to](u) 2*3*4") == [
        ("heading", ":A |code:b|"),
        ("text", ":x |strong:y|: |em:z|: to 2*3*4|"),
    ]
    assert shown("```py\n# no *em*\n```\n\n| a | b |\n|---|---|\n| 1 | |") == [
        ("code", ":# no *em*|"),
        ("table", ":a|/:b|/:1|/"),
    ]
    assert shown("| c | d |") == [("table", ":c|/:d|")]
    assert shown("# no heading", "txt") == [("plain", ":# no heading|")]
    assert shown("# a comment", "code") == [("code", ":# a comment|")]
    assert shown("f()\n```\n\nthen\n\n```py\ng()\n```") == [
        ("code", ":f()|"),
        ("text", ":then|"),
        ("code", ":g()|"),
    ]
    assert shown("```\ncut off") == [("code", ":cut off|")] and shown("## ") == shown("") == []


@pytest.mark.parametrize("sign", ["`a` ", "**a** ", "*a* ", "[a](b) ", "| a ", "# a\n", "**a"])
def test_many_signs_take_time_in_proportion(sign) -> None:
    """A page of them is looked at letter by letter, and not each sign beside each other one."""
    calls = []

    def counted(frame, event, _) -> None:
        calls.append(event)

    def work(count: int) -> int:
        calls.clear()
        sys.setprofile(counted)
        try:
            blocks(sign * count, [], "markdown")
        finally:
            sys.setprofile(None)
        return len(calls)

    work(1)
    assert work(800) < 6 * work(200)


SIGNS = ["**a ", "a\\|", "-", "||", "|-", " ", "\t#", "*a\\", "``` \t", "```a"]
HEADS = ["", "| a | b |\n|--|--|\n| ", "# ", "```\n"]


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("head", HEADS)
def test_no_text_holds_the_page_up(sign, head) -> None:
    """Where a pattern tried all ways to read a line, these would run for hours."""
    for tail in ("x", "\\", "`", "x |", "\n=x"):
        text = f"{head}{sign * (8000 // len(sign))}{tail}"
        runs = [
            run
            for block in blocks(text, [], None)
            for some in (block.runs, *(cell for row in block.rows for cell in row))
            for run in some
        ]
        assert {sign for run in runs for one in run.pieces for sign in one.text} <= set(text)


def test_tables_and_headings_are_read_as_before() -> None:
    [table] = blocks("  | a \\| b |  c|\n|:-- | --:|\n|d||\n", [], None)
    rows = [
        ["".join(p.text for run in cell for p in run.pieces) for cell in row] for row in table.rows
    ]
    assert table.headed and rows == [["", "a \\| b", "c"], ["d"]]
    for text in ("## Name ##", "Name\n  ====", "Name\n---  ", "# Name  #"):
        [block] = blocks(text, [], None)
        assert (block.kind, block.runs[0].pieces[0].text) == ("heading", "Name"), text
    assert blocks("# C#", [], None)[0].runs[0].pieces[0].text == "C#"


def hit(*adds: float) -> Hit:
    parts = tuple(Part(f"leg{n}", 0.0, add, 1.0) for n, add in enumerate(adds))
    return Hit(Chunk("a#0-1", "a", "x", 0, 1), sum(adds), 0.5, parts)


def test_bars_are_on_one_scale() -> None:
    hits = [hit(0.6, 0.2), hit(0.4, -0.2)]
    scale = Scale.of(hits)
    assert (scale.low, scale.high, scale.zero) == (-0.2, pytest.approx(0.8), pytest.approx(20))
    spans = [[(one.start, one.width) for one in scale.segments(each)] for each in hits]
    assert spans[0] == [pytest.approx((20, 60)), pytest.approx((80, 20))]
    assert spans[1] == [pytest.approx((20, 40)), pytest.approx((0, 20))]
    assert Scale.of([]).segments(hit(0.0))[0].width == 0
