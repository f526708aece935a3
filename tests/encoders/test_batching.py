"""Every item is in one batch, and its padded length is its own."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rag_embed.encoders.batching import batches, encoded_once

LENGTHS = st.lists(st.integers(0, 600), max_size=60)


@given(LENGTHS, st.integers(1, 5000))
def test_batches_partition_the_items_within_the_budget(lengths, budget):
    found = list(batches(lengths, budget))
    assert sorted(i for _, members in found for i in members) == list(range(len(lengths)))
    for padded, members in found:
        assert len(members) == 1 or padded * len(members) <= budget
        assert all(lengths[i] <= padded for i in members)


@given(LENGTHS, st.integers(0, 600), st.integers(1, 5000))
def test_the_padded_length_depends_on_the_item_alone(lengths, length, budget):
    (alone, _), *_ = batches([length], budget)
    crowd = {i: padded for padded, members in batches([*lengths, length], 3000) for i in members}
    assert crowd[len(lengths)] == alone < length + 17


@given(st.lists(st.sampled_from("abcdef"), max_size=30))
def test_distinct_texts_are_encoded_once_and_rows_return_in_order(texts):
    seen = []

    def encode(distinct):
        seen.extend(distinct)
        return np.array([[ord(text)] for text in distinct], dtype=np.float32)

    rows = encoded_once(texts, 1, encode)
    assert rows[:, 0].tolist() == [ord(text) for text in texts]
    assert sorted(seen) == sorted(set(texts))
