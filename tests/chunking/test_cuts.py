"""Where a text may be cut: sentences, characters, tokens, and the cheapest way of all."""

import itertools
import re

import pytest
from chunking.words import Words, spans_of, split, texts, touching
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_embed.chunking import sentence_starts
from rag_embed.chunking.breaks import Break
from rag_embed.chunking.graphemes import safe_cut
from rag_embed.chunking.packing import _COST, pack
from rag_embed.chunking.tokens import LONGEST, TokenCounts


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
            return spans_of([(i, i + 1) for i, c in enumerate(text) for _ in c.encode()])

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
    counts = TokenCounts.of(spans_of(spans))
    end = start + length
    assert counts.between(start, end) == touching(spans, start, end)
    reach = counts.reach(start, n)
    if reach is None:
        assert touching(spans, start, 10**6) <= n
    elif reach > start:
        assert touching(spans, start, reach) <= n < touching(spans, start, reach + 1)


def test_long_tokens_count_by_length():
    counts = TokenCounts.of(spans_of([(0, 3), (4, 4 + 2 * LONGEST + 1), (200, 203)]))
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
    counts = TokenCounts.of(spans_of([(i, i + 1) for i in range(edges[-1])]))

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
