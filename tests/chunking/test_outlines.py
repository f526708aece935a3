"""Where headings, code and tables of a Markdown text are, and where Python's definitions are."""

import pytest
from chunking.words import split
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from rag_embed.chunking.markdown import markdown_outline
from rag_embed.chunking.outline import Section, groups, line_starts
from rag_embed.chunking.python import python_outline


def test_heading_paths():
    text = (
        "# Guide\n\n## Install\n\n" + "Run it now. " * 20 + "\n\n```sh\n# not a heading\n```\n\n"
        "### On *Linux*\n\n" + "Use apt. " * 20 + "\n\nUsage\n-----\n\n" + "Call it. " * 20
    )
    chunks = split(text, 100, format="markdown")
    assert [chunk.headings for chunk in chunks] == [
        ("Guide",),
        ("Guide", "Install", "On Linux"),
        ("Guide", "Usage"),
    ]
    assert chunks[0].text.startswith("# Guide\n\n## Install")
    assert chunks[0].text.endswith("```")
    assert chunks[2].text.startswith("Usage\n-----")
    assert [chunk.headings for chunk in split(text, 100)] == [()] * 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# a\n## b ##\n#c\n####### d\n    # e\n", [("a",), ("a", "b")]),
        ("```\n# a\n```\n~~~\n# b\n~~~\n# c", [(), ("c",)]),
        ("```\n# never closed", [()]),
        ("> # quoted\n\n- # listed\n\n# top", [(), ("top",)]),
        ("two\nlines\n===\nx\n---\n\n---\n", [("two lines",), ("two lines", "x")]),
        ("# [a](b) `c` &amp; \\*d\n", [("a c & *d",)]),
        ("#\n\n## b\n", [(), ("b",)]),
        ("<!--\n# a\n-->\n# b\n", [(), ("b",)]),
        ("intro\r\n\r\n# a\r# b\r\n", [(), ("a",), ("b",)]),
        ("\x00# a\n", [()]),
        ("# a {#id}\n## b c {: .x }\n## {d}\n", [("a",), ("a", "b c"), ("a", "{d}")]),
    ],
)
def test_commonmark_headings(text, expected):
    assert [section.path for section in markdown_outline(text).sections] == expected


LINES = """# A|## B #|  # C|#no|# x {#id}|para|two words||- item|1. one|  cont|    code|   three|```|```py|~~~|
  ```|- ```|> quote|> # q|===|---|- - x|<!-- c|-->|<!-- c -->|<div>|</div>|<pre>|</pre>|<b>x</b>|\tcode|
> ```|- # h|* * *|``` `x|<?php|?>|\r|\r\r|[a]: b|-|#|\x0b|-     code|10) x|+|>|>     code|`````|<script>|
<!DOCTYPE x>|% a % b %|% --- % --- %|%---%|a % b|--- % ---|% a \\% b %|%-%|% a %|:-:%"""

lines_of_markdown = st.sampled_from([one.strip("\n").replace("%", "|") for one in LINES.split("|")])


@settings(max_examples=600, deadline=None)
@given(st.lists(lines_of_markdown, min_size=1, max_size=14), st.sampled_from(["", "\n"]))
def test_an_outline_is_that_of_the_whole_text_parsed_at_once(lines, end):
    """Against markdown-it-py, which reads stretches of it only where that is needed."""
    text = "\n".join(lines) + end
    tokens = MarkdownIt("commonmark").enable("table").disable("inline").parse(text)
    starts = line_starts(text)
    ends = [*starts, len(text)]
    found = {"heading_open": [], "code": [], "table_open": []}
    for token in tokens:
        if token.map and (token.type != "heading_open" or token.level == 0):
            kind = "code" if token.type in ("fence", "code_block", "html_block") else token.type
            first, last = starts[token.map[0]], ends[min(token.map[1], len(starts))]
            found.setdefault(kind, []).append((first, len(text[:last].rstrip())))
    outline = markdown_outline(text)
    headed = [one for one in outline.sections if one.level]
    assert [one.start for one in headed] == [start for start, _ in found["heading_open"]]
    assert [(a, len(text[:b].rstrip())) for a, b in outline.verbatim] == found["code"]
    rows = [(one.start, len(text[: one.end].rstrip())) for one in outline.tables]
    assert rows == found["table_open"]


def test_a_long_list_is_not_parsed(monkeypatch):
    monkeypatch.setattr("rag_embed.chunking.markdown._parser", lambda: pytest.fail("parsed"))
    text = (
        "# A\n\n" + "- an item\n  of two lines\n" * 9 + "\n```\n# no\n```\n\n| a |\n|---|\n| b |\n"
    )
    outline = markdown_outline(text)
    assert len(outline.verbatim) == len(outline.tables) == len(outline.sections) == 1


def test_heading_offsets_survive_every_line_end():
    text = "a\r\n\r\n# b\rc\n\n## d\n"
    starts = [section.start for section in markdown_outline(text).sections]
    assert [text[start : start + 3] for start in starts[1:]] == ["# b", "## "]


def test_python_definitions():
    source = (
        '"""Doc."""\nimport os\n\n# about f\n@cache\ndef f():\n    def inner(): ...\n\n'
        "X = 1\nclass A:\n    y = 2\n\n    async def g(self): ...\n\n    z = 3\n\nY = 2\n"
    )
    sections = python_outline(source).sections
    assert [(section.path, source[section.start :].split("\n")[0]) for section in sections] == [
        ((), '"""Doc."""'),
        (("f",), "# about f"),
        ((), "X = 1"),
        (("A",), "class A:"),
        (("A", "g"), "    async def g(self): ..."),
        (("A",), "    z = 3"),
        ((), "Y = 2"),
    ]


@pytest.mark.parametrize("source", ["def f(:\n", "x\x00", "\ud800", "(" * 5000, "if 1:\n\t x\n  y"])
def test_broken_python_is_still_cut(source):
    assert "".join(c.text for c in split(source, 50, format="code", language="python"))
    assert len(python_outline(source).sections) == 1


def test_groups_do_not_cross_the_heading_above():
    levels, sizes = [1, 2, 2, 1, 2], [5, 5, 5, 5, 5]
    sections = [Section(0, 0, level) for level in levels]
    assert groups(sections, sizes, 100, 10) == [(0, 5)]
    assert groups(sections[1:], sizes[1:], 100, 10) == [(0, 2), (2, 4)]
    assert groups(sections, [5, 5, 50, 5, 5], 100, 10) == [(0, 2), (2, 3), (3, 5)]
    assert groups(sections, [50, 5, 5, 50, 5], 100, 10) == [(0, 3), (3, 5)]
    assert groups(sections, [50, 5, 5, 50, 5], 58, 10) == [(0, 2), (2, 3), (3, 5)]
