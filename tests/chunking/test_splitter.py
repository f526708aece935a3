import itertools
import json
import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from rag_embed.chunking import TokenSplitter, sentence_starts
from rag_embed.chunking.breaks import Break
from rag_embed.chunking.graphemes import safe_cut
from rag_embed.chunking.markdown import markdown_outline
from rag_embed.chunking.outline import Section, groups, line_starts
from rag_embed.chunking.packing import _COST, pack
from rag_embed.chunking.python import python_outline
from rag_embed.chunking.tokens import LONGEST, TokenCounts
from rag_embed.errors import BadInput
from rag_embed.types import Document


class Words:
    """Words and punctuation marks; remembers how often it was asked."""

    def __init__(self, pattern=r"\w+|[^\w\s]"):
        self.pattern = re.compile(pattern)
        self.calls = 0

    def token_spans(self, text):
        self.calls += 1
        return _array([match.span() for match in self.pattern.finditer(text)])


def _array(spans):
    return np.array(spans, np.int64).reshape(-1, 2)


def split(text, max_tokens=200, overlap=0, encoder=None, **metadata):
    splitter = TokenSplitter(encoder or Words(), max_tokens, overlap)
    return splitter.split(Document("d", text, metadata=metadata))


def touching(spans, start, end):
    return sum(1 for a, b in spans if a < end and b > start)


fragments = st.sampled_from(
    [
        "# A\n",
        "## B c\n",
        "Title\n=====\n",
        "\n\n",
        "\n",
        "- item ",
        "1. ",
        "| a | b |\n",
        "```\n",
        "word ",
        "Dr. No. ",
        "end. ",
        "why? ",
        "def f():\n",
        "class A:\n",
        "    x = 1\n",
        "元気です。",
        "\x0c",
        "é",
        "👩\u200d👩\u200d👧",
        "🇩🇪🇫🇷",
        "�",
        "�",
        "\x00",
        "\r\n",
        "\r",
        "x" * 45,
        "\u200b",
        "<!--\n",
    ]
)
texts = st.one_of(
    st.lists(fragments, max_size=60).map("".join),
    st.text(st.characters(codec=None), max_size=80),
)
formats = st.sampled_from(
    [
        {},
        {"format": "markdown"},
        {"format": "html"},
        {"format": "code"},
        {"format": "code", "language": "python"},
        {"format": "code", "language": "go"},
        {"format": "rst"},
        {"format": "tex"},
        {"format": "org"},
        {"format": "asciidoc"},
        {"format": "rows"},
        {"format": "docx", "page_starts": [0, 3], "page_kind": "page"},
        {"format": 3},
    ]
)


@settings(max_examples=400, deadline=None)
@given(
    texts, formats, st.integers(1, 30), st.integers(0, 10), st.sampled_from([r"\w+|[^\w\s]", r"\S"])
)
@example("# A\n\n## B\n\n" + "word " * 40, {"format": "markdown"}, 8, 4, r"\w+|[^\w\s]")
def test_chunks_are_exact_bounded_ordered_and_complete(text, metadata, limit, overlap, pattern):
    overlap = min(overlap, limit // 2)
    chunks = split(text, limit, overlap, Words(pattern), **metadata)
    spans = Words(pattern).token_spans(text).tolist()
    covered = set()
    for ordinal, chunk in enumerate(chunks):
        assert chunk.text == text[chunk.start : chunk.end]
        assert chunk.text.lstrip(" \t") == chunk.text.strip() != ""
        assert chunk.ordinal == ordinal
        assert touching(spans, chunk.start, chunk.end) <= limit
        covered.update(range(chunk.start, chunk.end))
    assert all(i in covered for i, character in enumerate(text) if not character.isspace())
    for left, right in itertools.pairwise(chunks):
        assert left.start < right.start
        assert left.end < right.end
        if right.start < left.end:
            assert touching(spans, right.start, left.end) <= overlap
    assert len({chunk.id for chunk in chunks}) == len(chunks)
    assert chunks == split(text, limit, overlap, Words(pattern), **metadata)


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 60)), min_size=1, max_size=12))
@settings(max_examples=150, deadline=None)
def test_headings_are_those_above_every_word_of_the_chunk(shape):
    """Each word names its section, so that the sections in a chunk can be read off its text."""
    path, paths, parts, above = (), [], [], []
    for n, (level, words) in enumerate(shape):
        above = [item for item in above if item[0] < level] + [(level, f"w{n}")]
        paths.append(tuple(name for _, name in above))
        parts.append(f"{'#' * level} w{n}\n\n" + f"w{n} " * words + "\n\n")
    limit = 40
    for chunk in split("".join(parts), limit, format="markdown"):
        inside = sorted({int(word) for word in re.findall(r"w(\d+)", chunk.text)})
        if not inside:
            continue
        path = chunk.headings
        assert all(paths[n][: len(path)] == path for n in inside)
        if len(inside) == 1:
            assert path == paths[inside[0]]
        for left, right in itertools.pairwise(inside):
            # neighbours share a chunk only when tiny, or when the first has no text and the next its level
            if shape[right][0] < shape[left][0] + bool(shape[left][1]):
                sizes = sorted(1 + words for _, words in (shape[left], shape[right]))
                assert sizes[1] <= limit // 4 + 1 or sum(sizes) <= limit


@pytest.mark.parametrize("text", ["", " \n\t\u3000\n"])
@pytest.mark.parametrize("limit", [None, 5])
def test_no_visible_text_no_chunks(text, limit):
    assert split(text, limit) == []


def test_whole_documents_need_no_tokens():
    encoder = Words()
    (chunk,) = split("\n # A\n\nb \n", None, encoder=encoder, format="markdown")
    assert (chunk.text, chunk.start, encoder.calls) == ("\n # A\n\nb \n", 0, 0)


def test_a_large_text_is_tokenised_once():
    encoder = Words()
    chunks = split("One sentence of six words here. " * 33_000, encoder=encoder)
    assert encoder.calls == 1
    assert {len(chunk.text.split(". ")) for chunk in chunks} <= {27, 28}


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


def test_a_heading_stays_with_its_text():
    text = (
        "# A\n\n"
        + "Some words of text here. " * 4
        + "\n\n## B\n\n"
        + "More words of text here. " * 9
    )
    for chunk in split(text, 30, format="markdown"):
        assert not chunk.text.endswith(("# A", "## B"))


def test_small_siblings_share_even_chunks():
    text = "# Q\n\n" + "".join(f"## Q{n}\n\nAnswer {n}.\n\n" for n in range(8))
    chunks = split(text, 24, format="markdown")
    assert [chunk.text.count("Answer") for chunk in chunks] == [2, 3, 3]
    assert [chunk.headings for chunk in chunks] == [("Q",)] * 3


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


blocks = st.one_of(
    st.integers(1, 9).map(lambda n: "```\n" + "\n\n".join(f"x = {i}" for i in range(n)) + "\n```"),
    st.integers(1, 9).map(lambda n: "| a | b |\n|---|---|" + "\n| cell one. | Two: |" * n),
    st.integers(1, 40).map(lambda n: "Some words. " * n),
    st.sampled_from(["# A", "## B", "- item\n- item", "Like this:"]),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(blocks, min_size=1, max_size=10), st.integers(30, 60), st.booleans())
def test_code_and_tables_that_fit_are_never_cut(parts, limit, overlaps):
    text = "\n\n".join(parts)
    chunks = split(text, limit, limit // 2 if overlaps else 0, format="markdown")
    spans = Words().token_spans(text).tolist()
    at = 0
    for part in parts:
        start, end = at, at + len(part)
        at = end + 2
        if part.startswith(("```", "|")) and touching(spans, start, end) <= limit:
            assert any(one.start <= start and end <= one.end for one in chunks)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["# A", "## B", "### C"]), st.integers(0, 70)), max_size=9),
    st.integers(20, 50),
    st.booleans(),
)
@example([("## B", 0), ("### C", 4)], 20, True)
@example([("## B", 0)] * 12 + [("## B", 9)], 30, False)
def test_no_chunk_ends_with_a_heading_that_has_text(shape, limit, overlaps):
    text = "\n\n".join(f"{head}\n\n{'One two three. ' * n}" for head, n in shape)
    for chunk in split(text, limit, limit // 2 if overlaps else 0, format="markdown"):
        last = chunk.text.rsplit("\n", 1)[-1]
        assert not last.startswith("#") or not text[chunk.end :].lstrip().startswith("One")


@pytest.mark.parametrize("markup", ["<!--\n{}-->", "<div>\n{}</div>"])
def test_markup_is_cut_rather_than_parted_from_its_heading(markup):
    lines = "".join(f"added in version {n}\n" for n in range(9))
    text = f"# A heading of seven words\n\n{markup.format(lines)}\n\nSome words."
    first, *others = split(text, 46, format="markdown")
    assert "version 1" in first.text and "version 8" not in first.text and others
    code = f"# A heading of seven words\n\n```\n{lines}```\n\nSome words."
    assert "# A heading of seven words" in [one.text for one in split(code, 46, format="markdown")]


def test_a_heading_without_text_stays_with_the_next_of_its_level():
    text = "One two three. " * 12
    both = f"## open(path)\n\n## open(path, mode)\n\n{text}"
    chunks = split(f"# Files\n\n{text}\n\n{both}", 80, format="markdown")
    assert [one.text[:14] for one in chunks] == ["# Files\n\nOne t", "## open(path)\n"]


def test_the_rows_of_a_cut_table_keep_the_names_of_its_columns():
    rows = "".join(f"| item {n} | {n} |\n" for n in range(30))
    text = (
        f"# Prices\n\nIn euros:\n\n| *Name* | Price |\n|---|---:|\n{rows}\nThat is all there is.\n"
    )
    first, *others = split(text, 60, format="markdown")
    assert (
        first.headings == ("Prices",) and "| *Name* | Price |\n|---|---:|\n| item 0" in first.text
    )
    assert len(others) > 2
    assert {one.headings for one in others if "item" in one.text} == {("Prices", "Name | Price")}
    assert all(one.text.startswith("| item") for one in others if "item" in one.text)


def test_the_first_line_keeps_its_indentation():
    source = "class A:\n" + "".join(
        f"    def f{n}(self):\n        return one + two + three + {n}\n\n" for n in range(20)
    )
    chunks = split(source, 40, format="code", language="python")
    assert all(one.text.startswith(("class A", "    def")) for one in chunks) and len(chunks) > 5
    text = "Some text.\n\n- one\n" + "".join(f"  - inner item {n} of it\n" for n in range(20))
    assert all(one.text.startswith(("Some", "  - ")) for one in split(text, 40, format="markdown"))


def test_a_line_or_two_alone_joins_its_neighbour():
    body = "".join(f"    x = one + two + {n}\n" for n in range(22))
    source = f'def f():\n{body}\n\nif __name__ == "__main__":\n    f()\n'
    (chunk,) = split(source, 200, format="code", language="python")
    assert chunk.text == source.strip()
    text = "# A\n\n" + "Five words are in here. " * 25 + "\n\n# Links\n\n- one\n- two\n"
    (chunk,) = split(text, 200, format="markdown")
    assert chunk.headings == ()


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


def test_code_is_cut_between_blocks():
    block = "function f() {\n  one();\n\n  two();\n\n}\n\n"
    chunks = split(block * 6, 40, format="code", language="javascript")
    assert all(chunk.text.startswith("function") and chunk.text.endswith("}") for chunk in chunks)


def test_paragraphs_win_over_sentences():
    text = "\n\n".join("Four words in this. " * 24 for _ in range(3))
    assert [chunk.text.count("Four") for chunk in split(text, 200)] == [24, 24, 24]


def test_list_items_and_table_rows_stay_whole():
    rows = "".join(f"| row {n}. Next. | cell |\n" for n in range(40))
    items = "".join(f"- item {n}. Next\n" for n in range(40))
    for chunk in split(rows + "\n" + items, 50):
        lines = chunk.text.split("\n")
        assert all(line.startswith(("| row", "- item")) for line in lines if line)


def test_chunks_of_a_section_are_even():
    sizes = [
        touching(Words().token_spans(c.text), 0, 9999) for c in split("One two three. " * 51, 200)
    ]
    assert len(sizes) == 2
    assert max(sizes) - min(sizes) <= 4


def test_no_tiny_chunk_is_left_at_the_end():
    text = "\n\n".join(["Five tokens are in this. " * n for n in (33, 33, 2)])
    sizes = [chunk.text.count("Five") for chunk in split(text, 200)]
    assert sizes[0] == 33
    assert min(sizes) >= 16


def test_overlap_repeats_whole_sentences():
    text = " ".join(f"Sentence number {n} is here." for n in range(40))
    chunks = split(text, 60, 14)
    assert len(chunks) > 3
    for left, right in itertools.pairwise(chunks):
        shared = text[right.start : left.end]
        assert shared.startswith("Sentence")
        assert shared.count(".") == 2


@pytest.mark.parametrize("encoder", [Words(), Words(r"\w|[^\w\s]")])
def test_a_very_long_word_is_cut_into_even_parts(encoder):
    chunks = split("a" * 50_000, 100, encoder=encoder)
    assert "".join(chunk.text for chunk in chunks) == "a" * 50_000
    lengths = [len(chunk.text) for chunk in chunks]
    assert max(lengths) <= 100 * LONGEST
    assert max(lengths) - min(lengths[:-1]) <= LONGEST


def test_emoji_sequences_are_not_cut():
    family, flag, thumb = "👩‍👩‍👧‍👦", "🇩🇪", "👍🏽"
    chunks = split((family + flag + thumb) * 30, 20, encoder=Words(r"(?s)."))
    for chunk in chunks:
        assert re.fullmatch(f"(?:{family}|{flag}|{thumb})+", chunk.text)


@pytest.mark.parametrize(
    ("text", "target", "expected"),
    [
        ("ab", 1, 1),
        ("a\u0301b", 1, 1),
        ("xa\u0301b", 2, 1),
        ("a\ud83d\ude00", 2, 1),
        ("x" + "\u0301" * 99, 90, 90),
    ],
)
def test_safe_cut(text, target, expected):
    assert safe_cut(text, 0, target) == expected


def test_a_character_of_many_tokens_is_a_chunk_of_its_own():
    class Bytes:
        def token_spans(self, text):
            return _array([(i, i + 1) for i, c in enumerate(text) for _ in c.encode()])

    assert [c.text for c in split("😀😀a", 2, encoder=Bytes())] == ["😀", "😀", "a"]


def test_text_that_the_encoder_does_not_see_is_kept():
    assert "".join(c.text for c in split("\x01" * 500, 10, encoder=Words(r"\w"))) == "\x01" * 500


SENTENCES = [
    "He met Mr. Smith.|They talked.",
    "It was 3.14 at 5 p.m. today.|Then e.g. this, i.e. that.|End",
    "What?!|No... maybe.|Really…|OK",
    "“Go.”|He went.|(See Fig. 3.)|Then “Why?” he asked.",
    "今日は。|元気です！|「はい。」|そう",
    "J. R. R. Tolkien wrote.|The U.S. Army came.|So do I.|Then",
    "1. First step\n2. Second step.|Done.",
    "No. 5 is alive.|No.|It is not.",
    "Smith et al. (2020) said.|Acme Inc. bought it.",
    "Use foo.py.|Then v1.2.|Done.",
    "मैं हूँ।|वह है।",
    "x.y.z is a name; see https://a.org/b.html?c.d for more",
]


@pytest.mark.parametrize("marked", SENTENCES)
def test_sentences(marked):
    text = (
        marked.replace("|", " ")
        if marked.isascii() or "今" not in marked
        else marked.replace("|", "")
    )
    starts = [0, *sentence_starts(text), len(text)]
    found = [text[a:b].strip() for a, b in itertools.pairwise(starts)]
    assert found == marked.split("|")


@given(texts, st.integers(0, 20), st.integers(0, 60))
def test_sentence_starts_lie_inside_at_visible_characters(text, start, length):
    end = min(len(text), start + length)
    starts = sentence_starts(text, start, end)
    assert starts == sorted(set(starts))
    assert all(start < i < end and not text[i].isspace() for i in starts)


spans_lists = st.lists(st.tuples(st.integers(0, 100), st.integers(1, 30)), max_size=20).map(
    lambda items: sorted((a, a + length) for a, length in items)
)


@given(spans_lists, st.integers(0, 130), st.integers(1, 60), st.integers(1, 5))
def test_token_counts(spans, start, length, n):
    counts = TokenCounts.of(_array(spans))
    end = start + length
    assert counts.between(start, end) == touching(spans, start, end)
    reach = counts.reach(start, n)
    if reach is None:
        assert touching(spans, start, 10**6) <= n
    elif reach > start:
        assert touching(spans, start, reach) <= n < touching(spans, start, reach + 1)


def test_long_tokens_count_by_length():
    counts = TokenCounts.of(_array([(0, 3), (4, 4 + 2 * LONGEST + 1), (200, 203)]))
    assert counts.between(0, 3) == 1
    assert counts.between(4, 199) == 3
    assert counts.between(0, 300) == 5


@settings(max_examples=150)
@given(
    st.lists(st.tuples(st.integers(1, 6), st.sampled_from(list(Break))), min_size=1, max_size=9),
    st.integers(6, 14),
)
def test_packing_is_the_cheapest_of_all(shape, room):
    """Against trying all ways to cut."""
    edges = list(itertools.accumulate((size for size, _ in shape), initial=0))
    pieces = [
        (a, b, kind) for (a, b), (_, kind) in zip(itertools.pairwise(edges), shape, strict=True)
    ]
    counts = TokenCounts.of(_array([(i, i + 1) for i in range(edges[-1])]))

    def cost(bounds):
        total = 0.0
        for a, b in itertools.pairwise(bounds):
            size = edges[b] - edges[a]
            if size > room:
                return float("inf")
            total += (room - size) ** 2
            total += room * room // 2 if size < room // 4 else 0
            total += 0 if b == len(shape) else int(_COST[shape[b - 1][1]] * room * room // 100)
        return total

    inner = range(1, len(shape))
    ways = itertools.chain.from_iterable(
        itertools.combinations(inner, r) for r in range(len(shape))
    )
    cheapest = min(cost((0, *way, len(shape))) for way in ways)
    chunks = pack(pieces, counts, room, 0)
    assert cost([0, *(edges.index(end) for _, end in chunks)]) == cheapest


def test_groups_do_not_cross_the_heading_above():
    levels, sizes = [1, 2, 2, 1, 2], [5, 5, 5, 5, 5]
    sections = [Section(0, 0, level) for level in levels]
    assert groups(sections, sizes, 100, 10) == [(0, 5)]
    assert groups(sections[1:], sizes[1:], 100, 10) == [(0, 2), (2, 4)]
    assert groups(sections, [5, 5, 50, 5, 5], 100, 10) == [(0, 2), (2, 3), (3, 5)]
    assert groups(sections, [50, 5, 5, 50, 5], 100, 10) == [(0, 3), (3, 5)]
    assert groups(sections, [50, 5, 5, 50, 5], 58, 10) == [(0, 2), (2, 3), (3, 5)]


def test_settings_travel_as_json():
    encoder = Words()
    splitter = TokenSplitter(encoder, 100, 20)
    stored = json.loads(json.dumps(splitter.settings))
    assert TokenSplitter.from_settings(encoder, stored) == splitter
    with pytest.raises(BadInput, match="another version"):
        TokenSplitter.from_settings(encoder, {**stored, "more": 1})


@pytest.mark.parametrize(
    ("limit", "overlap"), [(0, 0), (2.5, 0), (True, 0), (10, 6), (10, -1), (None, 1), (10, True)]
)
def test_bad_settings(limit, overlap):
    with pytest.raises(BadInput):
        TokenSplitter(Words(), limit, overlap)
