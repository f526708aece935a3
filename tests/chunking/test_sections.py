"""Cuts respect headings, code and tables."""

import itertools
import re

import pytest
from chunking.words import Words, split, touching
from hypothesis import example, given, settings
from hypothesis import strategies as st


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


def test_code_is_cut_between_blocks():
    block = "function f() {\n  one();\n\n  two();\n\n}\n\n"
    chunks = split(block * 6, 40, format="code", language="javascript")
    assert all(chunk.text.startswith("function") and chunk.text.endswith("}") for chunk in chunks)
