"""MaxSim on bits equals the definition, written out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_embed.maths.frequencies import Frequencies
from rag_embed.maths.maxsim import cosines, maxsim, sign_bits
from rag_embed.maths.vectors import unit


def defined(query, weights, documents, mean) -> list[float]:
    """The formula of the docstring, token by token, on unpacked signs."""
    scores = []
    for rows in documents:
        total = 0.0
        for q, w in zip(query, weights, strict=True):
            best = 0.0
            for row in rows:
                s = np.where(row > mean, 1.0, -1.0)
                best = max(best, float(q @ s) / np.sqrt(len(q)))
            total += w * best**2
        scores.append(total / weights.sum() if weights.sum() else 0.0)
    return scores


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 40),
    st.integers(0, 6),
    st.lists(st.integers(0, 9), max_size=6),
    st.integers(0, 2**31),
)
def test_equals_the_definition(dim, tokens, sizes, seed) -> None:
    rng = np.random.default_rng(seed)
    mean = rng.normal(size=dim)
    query = unit(rng.normal(size=(tokens, dim)))
    weights = rng.uniform(0, 5, size=tokens) * (rng.random(tokens) > 0.2)
    documents = [rng.normal(size=(n, dim)) for n in sizes]
    found = maxsim(query, weights, [sign_bits(rows, mean) for rows in documents])
    assert found.dtype == np.float32 and found.shape == (len(sizes),)
    np.testing.assert_allclose(found, defined(query, weights, documents, mean), atol=1e-5)
    assert (found >= 0).all() and (found <= 1 + 1e-6).all()


@pytest.mark.parametrize("count", [0, 1, 127, 128, 129, 300])
def test_cosines_do_not_depend_on_how_many_are_written_out_at_a_time(count) -> None:
    rng = np.random.default_rng(count)
    query, rows = unit(rng.normal(size=(7, 36))), rng.normal(size=(count, 36))
    expected = np.where(rows > 0, 1.0, -1.0) @ query.T.astype(np.float64) / 6.0
    found = cosines(query, sign_bits(rows, np.zeros(36)))
    assert found.dtype == np.float32 and found.shape == (count, 7)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_more_tokens_never_lower_the_score() -> None:
    rng = np.random.default_rng(0)
    query, weights = unit(rng.normal(size=(5, 64))), np.ones(5)
    bits = sign_bits(rng.normal(size=(30, 64)), np.zeros(64))
    scores = [float(maxsim(query, weights, [bits[:n]])[0]) for n in range(31)]
    assert scores[0] == 0.0 and scores == sorted(scores) and scores[-1] > scores[1]


def test_a_token_without_weight_does_not_count() -> None:
    rng = np.random.default_rng(1)
    query = unit(rng.normal(size=(2, 32)))
    bits = sign_bits(rng.normal(size=(4, 32)), np.zeros(32))
    one = maxsim(query[:1], np.array([2.0]), [bits])
    np.testing.assert_allclose(maxsim(query, np.array([2.0, 0.0]), [bits]), one, rtol=1e-6)
    assert maxsim(query, np.zeros(2), [bits]).tolist() == [0.0]


def test_bits_are_one_per_number() -> None:
    bits = sign_bits(np.zeros((3, 384), dtype=np.float32), np.full(384, -1.0))
    assert bits.shape == (3, 48) and bits.dtype == np.uint8 and (bits == 255).all()


@given(st.lists(st.lists(st.integers(0, 30), max_size=8), max_size=8))
def test_frequencies_count_chunks(chunks) -> None:
    frequencies = Frequencies.of([np.array(ids, dtype=np.int32) for ids in chunks])
    for token in range(33):
        n = sum(token in ids for ids in chunks)
        expected = np.log(1 + (len(chunks) - n + 0.5) / (n + 0.5))
        assert frequencies.idf(np.array([token], np.int32))[0] == pytest.approx(expected)
    length = np.mean([len(ids) for ids in chunks]) if chunks else 0
    assert frequencies.mean_length == pytest.approx(length)
