"""Decayed sums and attention equal their definitions, written out."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_embed.errors import BadInput
from rag_embed.maths.attention import (
    attention,
    bent,
    focus_gate,
    shrunk,
    similar_gate,
)
from rag_embed.maths.profile import DecayedSum
from rag_embed.maths.vectors import unit

DIM = 6
histories = st.lists(
    st.tuples(st.integers(0, 2**31), st.floats(0.1, 9.0), st.floats(-300.0, 300.0)), max_size=12
)
half_lives = st.one_of(st.none(), st.floats(5.0, 500.0))


def arrays(history):
    rows = np.array([np.random.default_rng(seed).normal(size=DIM) for seed, _, _ in history])
    weights = np.array([weight for _, weight, _ in history])
    times = np.array([time for _, _, time in history])
    return unit(rows.reshape(-1, DIM)), weights, times


def defined(rows, weights, times, now, half_life):
    total, weight = np.zeros(DIM), 0.0
    for row, w, t in zip(rows, weights, times, strict=True):
        fade = 1.0 if half_life is None else 2.0 ** (-(now - t) / half_life)
        total += w * fade * row.astype(float)
        weight += w * fade
    return total, weight


@given(histories, half_lives, st.randoms())
def test_the_sum_is_its_definition_in_any_order(history, half_life, chance) -> None:
    shuffled = list(history)
    chance.shuffle(shuffled)
    total = DecayedSum.empty(DIM, half_life)
    for one in shuffled:  # one at a time
        total = total.added(*arrays([one]))
    at_once = DecayedSum.empty(DIM, half_life).added(*arrays(history))
    rows, weights, times = arrays(history)
    now = times.max() if history else 0.0
    expected, weight = defined(rows, weights, times, now, half_life)
    for found in (total, at_once):
        np.testing.assert_allclose(found.total, expected, atol=1e-12 * max(1, len(history) * 9))
        assert found.weight == pytest.approx(weight, rel=1e-12)
        assert found.count == len(history)
    assert DecayedSum.from_bytes(total.to_bytes()).to_bytes() == total.to_bytes()
    assert DecayedSum.from_bytes(total.to_bytes()).half_life == half_life


@given(histories.filter(len), half_lives, st.data())
def test_removing_subtracts_within_the_bound_or_says_that_it_cannot(
    history, half_life, data
) -> None:
    gone = data.draw(st.sets(st.integers(0, len(history) - 1), max_size=len(history)))
    total = DecayedSum.empty(DIM, half_life)
    largest = 0.0
    for one in history:
        total = total.added(*arrays([one]))
        largest = max(largest, total.weight)
    removed = total.removed(*arrays([history[i] for i in sorted(gone)]))
    stays = [one for i, one in enumerate(history) if i not in gone]
    expected, weight = defined(*arrays(stays), total.time, half_life)
    if not stays:
        assert removed is not None and removed.count == 0 and not removed.total.any()
    elif removed is None:
        assert weight <= 2e-6 * total.weight
    else:
        bound = 4 * (len(history) + len(gone)) * 2.0**-52 * largest
        assert np.abs(removed.total - expected).max() <= bound
        assert removed.count == len(stays)


def test_ten_thousand_changes_drift_less_than_the_bound() -> None:
    rng = np.random.default_rng(0)
    rows = unit(rng.normal(size=(10_000, DIM)))
    total = DecayedSum.empty(DIM, 50.0)
    for i in range(10_000):
        total = total.added(rows[i : i + 1], np.ones(1), np.array([float(i)]))
        if i >= 100:
            old = slice(i - 100, i - 99)
            total = total.removed(rows[old], np.ones(1), np.array([i - 100.0]))
    last = slice(9900, 10_000)
    expected, _ = defined(rows[last], np.ones(100), np.arange(9900.0, 10_000), 9999.0, 50.0)
    assert np.abs(total.total - expected).max() < 20_000 * 2.0**-52 * 80


def test_the_very_old_has_a_direction_still() -> None:
    total = DecayedSum.empty(2, 1.0).added(np.eye(1, 2), np.ones(1), np.zeros(1))
    total = total.added(-np.eye(1, 2), np.ones(1), np.array([300.0]))
    assert total.direction.tolist() == [-1.0, 0.0]
    with pytest.raises(BadInput, match="no direction"):
        DecayedSum.empty(2).direction  # noqa: B018
    for wrong in (0.0, -1.0, math.nan):
        with pytest.raises(BadInput, match="half_life"):
            DecayedSum.empty(2, wrong)


@settings(max_examples=80)
@given(histories.filter(len), half_lives, st.floats(0.01, 5.0), st.integers(1, 14))
def test_attention_is_its_definition(history, half_life, temperature, top) -> None:
    rows, weights, times = arrays(history)
    weights[::3] = 0.0
    similarities = rows @ rows[0]
    found = attention(
        similarities, weights, times, temperature=temperature, half_life=half_life, top=top
    )
    logits = []
    for s, w, t in zip(similarities.tolist(), weights, times, strict=True):
        fade = 0.0 if half_life is None else math.log(2) * (t - times.max()) / half_life
        logits.append(s / temperature + math.log(w) + fade if w > 0 else -math.inf)
    ranked = sorted(range(len(logits)), key=lambda i: (-round(logits[i], 5), i))
    kept = [i for i in ranked if logits[i] > -math.inf][:top]
    if not kept:
        assert not found.any()
        return
    raised = [math.exp(logits[i] - max(logits)) if i in kept else 0.0 for i in range(len(logits))]
    np.testing.assert_allclose(found, np.array(raised) / sum(raised), atol=1e-9)
    assert found.sum() == pytest.approx(1.0)


def test_limits_of_the_temperature() -> None:
    """Infinity is the weighted mean, 0 the nearest event; Persona-Plug's 1 is nearly uniform."""
    rng = np.random.default_rng(0)
    keys = unit(rng.normal(size=(50, 384)))
    similarities, weights = keys @ keys[7], rng.uniform(1, 2, size=50)
    flat = attention(similarities, weights, np.zeros(50), temperature=math.inf)
    np.testing.assert_allclose(flat, weights / weights.sum())
    sharp = attention(similarities, weights, np.zeros(50), temperature=1e-3)
    assert sharp[7] == pytest.approx(1.0)
    plug = attention(similarities, np.ones(50), np.zeros(50), temperature=1.0)
    assert focus_gate(plug) < 0.02 < focus_gate(sharp) == pytest.approx(1.0)


@given(histories.filter(lambda h: len(h) > 1), st.randoms())
def test_order_of_events_does_not_matter(history, chance) -> None:
    rows, weights, times = arrays(history)
    order = list(range(len(history)))
    chance.shuffle(order)
    options = {"temperature": 0.1, "half_life": 50.0}
    found = attention(rows @ rows[0], weights, times, **options)
    again = attention((rows @ rows[0])[order], weights[order], times[order], **options)
    np.testing.assert_allclose(again, found[order], atol=1e-12)


def test_worked_example() -> None:
    """By hand: logits ln 2 + 1, 0 and ln 1 - ln 2 (one half-life old)."""
    found = attention(
        np.array([0.1, 0.0, 0.0]),
        np.array([2.0, 1.0, 1.0]),
        np.array([10.0, 10.0, 0.0]),
        temperature=0.1,
        half_life=10.0,
    )
    parts = np.array([2 * math.e, 1.0, 0.5])
    np.testing.assert_allclose(found, parts / parts.sum())


def test_gates_and_shrinkage() -> None:
    assert similar_gate(0.3, 0.3, 0.05) == 0.5
    assert similar_gate(0.5, 0.3, 0.05) == pytest.approx(1 / (1 + math.exp(-4)))
    assert similar_gate(-1.0, 0.3, 1e-4) == 0.0 and similar_gate(1.0, 0.3, 1e-4) == 1.0
    assert shrunk(0, 0) == 0.0 and shrunk(3, 0) == 1.0 and shrunk(30, 10) == 0.75
    assert focus_gate(np.ones(1)) == 1.0


def test_bending() -> None:
    rng = np.random.default_rng(1)
    query, profile = unit(rng.normal(size=(2, 16)))
    assert bent(query, profile, 0.0) is query
    for strength in (-0.4, 0.2, 3.0):
        expected = query.astype(float) + strength * profile
        found = bent(query, profile, strength)
        np.testing.assert_allclose(found, expected / np.linalg.norm(expected), atol=1e-6)
        assert (found @ profile > query @ profile) == (strength > 0)


@pytest.mark.parametrize(
    "options",
    [{"temperature": 0.0}, {"temperature": 1, "half_life": 0}, {"temperature": 1, "top": 0}],
)
def test_what_is_out_of_range_is_refused(options) -> None:
    with pytest.raises(BadInput):
        attention(np.zeros(2), np.ones(2), np.zeros(2), **options)
