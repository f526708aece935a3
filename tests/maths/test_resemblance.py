"""Resemblance of texts, and the quick look that never decides otherwise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_embed.maths.resemblance import Runs, buckets

TEXTS = st.text("abc xyz.é漢", max_size=60)
WORDS = st.lists(st.sampled_from(("the", "red", "fox", "is", "blue", "or", "never")), max_size=40)


@given(TEXTS, TEXTS, st.floats(0.05, 1.0))
def test_the_bits_never_decide_otherwise(a, b, least) -> None:
    a, b = Runs.of(a), Runs.of(b)
    assert a.alike(b, least) == (a.resemblance(b) >= least) == b.alike(a, least)


@given(WORDS, WORDS, st.sampled_from((0.3, 0.5, 0.8, 0.95)))
def test_nor_among_texts_that_share_much(a, b, least) -> None:
    one, other = Runs.of(" ".join([*a, *b])), Runs.of(" ".join([*b, *a, *b]))
    assert one.alike(other, least) == (one.resemblance(other) >= least)


@given(TEXTS)
def test_a_text_is_all_like_itself_however_it_is_spaced(text) -> None:
    assert Runs.of(text).resemblance(Runs.of(f"\n {text.upper().lower()}\t")) == 1.0 or "ß" in text


def test_one_number_of_a_paragraph_changes_little() -> None:
    paragraph = (
        "Version {} of the handbook was agreed on by the board. It holds for all who work here. "
        * 4
    )
    assert Runs.of(paragraph.format(*[2] * 4)).alike(Runs.of(paragraph.format(3, 2, 2, 2)), 0.8)
    assert not Runs.of(paragraph).alike(Runs.of("Another text about the very same handbook."), 0.8)


def test_texts_that_are_alike_share_a_bucket() -> None:
    rng = np.random.default_rng(0)
    words = np.array([f"word{i}" for i in range(500)])
    shared = {0.85: 0, 0.1: 0}
    for _ in range(60):
        text = rng.choice(words, 120)
        for changes, what in ((3, 0.85), (100, 0.1)):
            other = text.copy()
            other[rng.choice(120, changes, replace=False)] = rng.choice(words, changes)
            one, two = " ".join(text), " ".join(other)
            assert (Runs.of(one).resemblance(Runs.of(two)) >= 0.8) == (changes == 3)
            shared[what] += bool(set(buckets(one)) & set(buckets(two)))
    assert shared[0.85] == 60 and shared[0.1] <= 6


@pytest.mark.parametrize("text", ["", "a", "seven77", "eight888", "\ud800", "\U0001f98a" * 9])
def test_short_and_odd_texts_have_buckets_that_spacing_does_not_change(text) -> None:
    assert buckets(text) == buckets(f"  {text.upper()} ") and len(buckets(text)) == 16
