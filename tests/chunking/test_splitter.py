"""What holds for every chunk, whatever the text is."""

import itertools
import json

import pytest
from chunking.words import Words, split, texts, touching
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rag_embed.chunking import TokenSplitter
from rag_embed.errors import BadInput

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
