"""Flat postings of many owners against `maths.bm25`, one owner at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_embed.maths.bm25 import Postings
from rag_embed.maths.inverted import Inverted, Seen

NUMBERS = {word: i for i, word in enumerate("abcdef")}
texts = st.lists(
    st.tuples(st.lists(st.sampled_from("abcde"), max_size=12), st.integers(-1, 2), st.booleans()),
    min_size=1,
    max_size=30,
)
queries = st.lists(st.sampled_from("abcdef"), max_size=6)


def inverted(said: list[list[str]], first: int = 0) -> Inverted:
    words = [NUMBERS[word] for some in said for word in some]
    rows = [first + row for row, some in enumerate(said) for _ in some]
    return Inverted.of(np.array(words, dtype=np.int32), np.array(rows, dtype=np.int32))


def seen(some: list[tuple[list[str], int, bool]]) -> Seen:
    lengths = np.array([len(words) for words, _, _ in some], dtype=np.int32)
    owners = np.array([owner for _, owner, _ in some], dtype=np.int32)
    return Seen.of(lengths, owners, np.array([live for *_, live in some]))


def expected(some: list[tuple[list[str], int, bool]], query: list[str]) -> np.ndarray:
    """Each owner's texts among the shared ones, by the definition."""
    scores = np.zeros(len(some), dtype=np.float32)
    for owner in (-1, 0, 1, 2):
        rows = [i for i, (_, whose, live) in enumerate(some) if live and whose in (-1, owner)]
        found = Postings.of([some[i][0] for i in rows]).scores(query)
        for row, score in zip(rows, found, strict=True):
            if some[row][1] == owner:
                scores[row] = score
    return scores


@given(texts, queries, st.integers(0, 30))
def test_one_pass_is_the_definition_for_every_owner(some, query, cut) -> None:
    """Rows that went count for nobody, and parts say together what the whole says."""
    said = [words for words, _, _ in some]
    whole = inverted(said[:cut]).plus(inverted(said[cut:], len(said[:cut])))
    found = [whole.holding(NUMBERS[word]) for word in query]
    live = np.array([live for *_, live in some])
    scores = seen(some).bm25(found, live)
    np.testing.assert_allclose(scores, expected(some, query), rtol=1e-6)
    half = live & (np.arange(len(some)) % 2 == 0)
    assert np.array_equal(seen(some).bm25(found, half), np.where(half, scores, 0))


@given(st.lists(st.lists(st.sampled_from("abcde"), max_size=9), max_size=20), st.integers(0, 20))
def test_joined_is_what_is_made_at_once(said, cut) -> None:
    once = inverted(said)
    for parts in (
        inverted(said[:cut]).plus(inverted(said[cut:], len(said[:cut]))),
        inverted(said[cut:], len(said[:cut])).plus(inverted(said[:cut])),
    ):
        for number in NUMBERS.values():
            a, b = (dict(zip(*part.holding(number), strict=True)) for part in (once, parts))
            assert a == b
        assert (np.diff(parts.words) > 0).all() and parts.starts[-1] == len(parts.rows)


def test_golden() -> None:
    """By hand: N = 3 texts with words of 7/3 each; idf(a) = ln(1 + 1.5/2.5), idf(b) = ln(1 + 2.5/1.5)."""
    some = [(list("ab"), -1, True), (list("aacc"), -1, True), (["c"], -1, True), ([], -1, True)]
    whole = inverted([words for words, _, _ in some])
    found = seen(some).bm25([whole.holding(0), whole.holding(1)], np.ones(4, np.bool_))
    norm = [1.2 * (0.25 + 0.75 * length / (7 / 3)) for length in (2, 4)]
    a = [np.log(1.6) * tf * 2.2 / (tf + one) for tf, one in zip((1, 2), norm, strict=True)]
    b = np.log(1 + 2.5 / 1.5) * 2.2 / (1 + norm[0])
    assert found.tolist() == pytest.approx([a[0] + b, a[1], 0, 0], rel=1e-6)


def test_a_word_may_come_very_often() -> None:
    many = inverted([["a"] * 70_000, ["a"]])
    assert many.holding(0)[1].tolist() == [70_000, 1]
    assert many.plus(inverted([["a"] * 3], 2)).holding(0)[1].tolist() == [70_000, 1, 3]
