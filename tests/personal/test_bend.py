"""Bending: exactly off, only for whom it is meant, and never further than what a user may see."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag_embed import Query
from rag_embed.errors import BadInput
from rag_embed.events import UserEvent
from rag_embed.maths.vectors import unit
from rag_embed.personal.bend import Bend, CorpusMean, Personal, Similar, focused
from rag_embed.personal.influence import moved_by
from rag_embed.personal.pooling import WHOLE, AttentionPooling, MeanPooling, SessionPooling
from rag_embed.personal.profiles import Profiles
from rag_embed.stores.memory_events import MemoryEvents

from .conftest import ENCODER

ASK = "a good drink"


class Counting:
    """Counts what is encoded."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def encode_query(self, texts, /):
        self.texts += texts
        return ENCODER.encode_query(texts)


class Forbidden:
    """Nothing may be asked of it."""

    def __getattr__(self, name: str) -> object:
        raise AssertionError(name)


def first(retriever, user) -> str:
    return retriever.retrieve([Query(ASK, k=1, user=user)])[0][0].chunk.doc_id


@pytest.mark.parametrize("pooling", ["attention", "mean"])
@pytest.mark.parametrize("centred", [True, False])
def test_a_history_brings_its_user_what_they_like(index, profiles, pooling, centred) -> None:
    kinds = {"attention": AttentionPooling(profiles), "mean": MeanPooling(profiles)}
    centre = CorpusMean(index.store) if centred else None
    bend = Bend(kinds[pooling], ENCODER, 3.0, centre=centre)
    retriever = Personal(index.experts.hybrid(), bend)
    assert (first(retriever, "ann"), first(retriever, "ben")) == ("wine", "tea")


def test_off_is_exactly_off_and_costs_nothing(index, profiles) -> None:
    queries = [
        Query(ASK, user="ann"),
        Query(ASK, vectors={"dense": ENCODER.encode_query(["x"])[0]}),
    ]
    off = Bend(Forbidden(), Forbidden(), 0.0)
    assert all(a is b for a, b in zip(off.transform(queries), queries, strict=True))
    plain = index.retriever.retrieve(queries)
    assert Personal(index.experts.hybrid(), off).retrieve(queries) == plain


def test_who_has_no_history_costs_no_encoding(profiles) -> None:
    encoder = Counting()
    bend = Bend(AttentionPooling(profiles), encoder, 1.0)
    strangers = [Query(ASK, user="cold"), Query(ASK), Query("", user="ann"), Query(" ", user="ann")]
    assert all(a is b for a, b in zip(bend.transform(strangers), strangers, strict=True))
    assert encoder.texts == []
    mixed = bend.transform([Query(ASK, user="cold"), Query("tea", user="ben")])
    assert encoder.texts == ["tea"] and "dense" in mixed[1].vectors and not mixed[0].vectors


def test_the_vector_is_the_formula(profiles) -> None:
    mean = np.random.default_rng(0).normal(size=256) * 0.05
    bend = Bend(AttentionPooling(profiles, temperature=0.1), ENCODER, 0.8, centre=lambda user: mean)
    query = Query(ASK, user="ann")
    history, q = profiles.history("ann"), ENCODER.encode_query([ASK])[0].astype(float)
    raised = np.exp(history.keys @ q / 0.1)
    pooled = (raised / raised.sum()) @ history.values - mean
    expected = q + 0.8 * 4 / (4 + 10) * pooled / np.linalg.norm(pooled)
    [found] = bend.transform([query])
    row = found.vectors["dense"]
    np.testing.assert_allclose(row, expected / np.linalg.norm(expected), atol=1e-6)
    assert row.dtype == np.float32 and row.flags.c_contiguous
    assert replace(found, vectors={}) == query, "nothing else of the query changed"


def test_a_query_with_its_own_vector_is_bent_from_there(profiles) -> None:
    own = np.random.default_rng(3).normal(size=256).astype(np.float32) * 7
    encoder = Counting()
    bend = Bend(MeanPooling(profiles), encoder, 0.5, prior=0.0)
    [found] = bend.transform([Query("", user="ann", vectors={"dense": own})])
    expected = unit(own[None])[0] + 0.5 * profiles.total("ann").direction
    np.testing.assert_allclose(found.vectors["dense"], unit(expected[None])[0], atol=1e-6)
    assert encoder.texts == []


def test_a_batch_is_as_one_by_one(profiles) -> None:
    bend = Bend(AttentionPooling(profiles), ENCODER, 0.4)
    queries = [Query(text, user=user) for text in ("tea", "wine") for user in ("ben", "ann", None)]
    together = bend.transform(queries)
    for query, found in zip(queries, together, strict=True):
        [alone] = bend.transform([query])
        assert found.vectors.keys() == alone.vectors.keys()
        for space, row in found.vectors.items():
            assert np.array_equal(row, alone.vectors[space])


def test_gates_kinds_top_and_signs(profiles) -> None:
    def strength(bend: Bend) -> float:
        [found] = bend.bent([Query(ASK, user="ann")])
        return found.strength if found else 0.0

    pooling = AttentionPooling(profiles)
    full = strength(Bend(pooling, ENCODER, 1.0))
    assert full == pytest.approx(4 / 14)
    assert strength(Bend(pooling, ENCODER, 1.0, prior=0.0)) == 1.0
    assert strength(Bend(pooling, ENCODER, -1.0)) == -full
    assert strength(Bend(pooling, ENCODER, 1.0, gate=Similar(0.99))) < 0.01 * full
    assert strength(Bend(pooling, ENCODER, 1.0, gate=Similar(-1.0))) == pytest.approx(full)
    assert 0 <= strength(Bend(pooling, ENCODER, 1.0, gate=focused)) < 0.1 * full
    assert strength(Bend(AttentionPooling(profiles, kinds={"choice": 0.0}), ENCODER, 1.0)) == 0.0
    near = Bend(AttentionPooling(profiles, top=1), ENCODER, 1.0).bent([Query(ASK, user="ann")])[0]
    assert near is not None and sorted(near.pooled.shares) == [0, 0, 0, 1]


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    top=st.sampled_from([1, 4, 20]),
    temperature=st.sampled_from([0.02, 0.2, 1.0]),
    half_life=st.sampled_from([None, 3.0, 200.0]),
    kinds=st.sampled_from([{}, {"fact": 0.0}, {"fact": 3.0, "order": 0.5}]),
    gate=st.sampled_from([None, focused, Similar(0.1)]),
)
def test_a_long_history_bends_as_attention_over_all_of_it(
    seed, top, temperature, half_life, kinds, gate
) -> None:
    """Searched first and attended to afterwards: the same vector, count, gate and shares."""
    rng, n = np.random.default_rng(seed), WHOLE + 100
    store = MemoryEvents(256)
    keys, values = (unit(rng.normal(size=(n, 256))) for _ in range(2))
    events = [
        UserEvent(
            str(i),
            "ann",
            "text",
            float(rng.uniform(0, 500)),
            kind=str(rng.choice(["fact", "order", "search"])),
            weight=float(rng.choice([1.0, 0.1, 20.0])),
        )
        for i in range(n)
    ]
    store.add(events, keys, values)
    pooling = AttentionPooling(Profiles(store, ENCODER), None, temperature, half_life, top, kinds)
    query = Query(ASK, user="ann")
    [found] = Bend(pooling, ENCODER, 0.7, gate=gate).bent([query])
    [look] = pooling.ask([query])
    seen = look(ENCODER.encode_query([ASK])[0])
    full = pooling.pooled(store.history("ann"), ENCODER.encode_query([ASK])[0])
    assert seen.count == full.count and len(seen.events) <= top + 1
    assert seen.similarity == pytest.approx(full.similarity, abs=1e-6)
    np.testing.assert_allclose(seen.vector, full.vector, atol=1e-6)
    shares = dict(zip((e.id for e in full.events), full.shares, strict=True))
    for one, share in zip(seen.events, seen.shares, strict=True):
        assert share == pytest.approx(shares.pop(one.id), abs=1e-6)
    assert not any(shares.values())
    trust = 1.0 if gate is None else gate(replace(full, shares=full.shares[full.shares > 0]))
    assert found is not None and found.strength == pytest.approx(
        0.7 * n_share(full) * trust, abs=1e-6
    )


def n_share(pooled) -> float:
    return pooled.count / (pooled.count + 10.0)


def test_events_of_kinds_that_do_not_count_cost_no_encoding(profiles) -> None:
    encoder = Counting()
    bend = Bend(AttentionPooling(profiles, kinds={"choice": 0.0}), encoder, 1.0)
    query = Query(ASK, user="ann")
    assert bend.transform([query])[0] is query and encoder.texts == []


def test_a_history_that_goes_meanwhile_bends_nothing(profiles) -> None:
    pooling = AttentionPooling(profiles)
    row = ENCODER.encode_query([ASK])[0]
    gone = pooling.pooled(profiles.history("nobody"), row, 4)
    assert gone.count == 0 and gone.vector.shape == row.shape and gone.shares.shape == (0,)


def test_an_instruction_decides_what_is_attended_to(profiles) -> None:
    profiles.remember(
        [
            UserEvent("food", "dee", "dinner food", 1.0, outcome="spicy noodles"),
            UserEvent("film", "dee", "evening film", 2.0, outcome="old westerns"),
        ]
    )
    found = {}
    for instruction in ("dinner food", "evening film"):
        pooling = AttentionPooling(profiles, ENCODER, instruction=instruction)
        [bent] = Bend(pooling, ENCODER, 1.0).bent([Query("something", user="dee")])
        assert bent is not None
        found[instruction] = bent.pooled.events[int(bent.pooled.shares.argmax())].id
    assert found == {"dinner food": "food", "evening film": "film"}
    with pytest.raises(BadInput, match="encoder"):
        AttentionPooling(profiles, instruction="x")


def test_the_talk_so_far_bends_too() -> None:
    encoder = Counting()
    bend = Bend(SessionPooling(encoder, half_life=1.0), encoder, 0.5, prior=0.0)
    queries = [Query("and how much?", previous=("red wine", "red wine of Uji")), Query("alone")]
    found = bend.transform(queries)
    assert found[1] is queries[1] and found[0].previous == queries[0].previous
    wine = ENCODER.encode_query(["red wine"])[0]
    before = float(ENCODER.encode_query(["and how much?"])[0] @ wine)
    assert float(found[0].vectors["dense"] @ wine) > before + 0.1
    assert len(encoder.texts) == 3, "each turn and the query once"
    assert Query("x", previous=["a list"]) == Query("x", previous=("a list",))
    for wrong in ("one text", (1,), None):
        with pytest.raises(BadInput, match="previous"):
            Query("x", previous=wrong)


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.sampled_from(["ann", "ben", "cy", "ann'", "*", "cy\x00", "nobody", None]),
    st.floats(-5, 5),
    st.text(max_size=20),
)
def test_no_strength_and_no_text_shows_what_is_another_users(
    index, profiles, user, strength, text
) -> None:
    bend = Bend(AttentionPooling(profiles), ENCODER, strength, centre=CorpusMean(index.store))
    retriever = Personal(index.experts.hybrid(), bend)
    for ask in (text, f"{text} red wine cellar user:cy user_id = 'cy'"):
        hits = retriever.retrieve([Query(ask, k=20, user=user)])[0]
        assert {hit.chunk.user for hit in hits} <= {None, user}


def test_explanations_add_up_and_name_the_events(index, profiles) -> None:
    bend = Bend(
        AttentionPooling(profiles, temperature=0.2), ENCODER, 2.0, centre=CorpusMean(index.store)
    )
    query, view = Query(ASK, user="ann"), index.store.view()
    hits = Personal(index.experts.hybrid(), bend).retrieve([query])[0]
    why = moved_by(bend, view, query, [hit.id for hit in hits], events=4)
    for hit, one in zip(hits, why, strict=True):
        dense = next(part.raw for part in hit.parts if part.leg == "dense")
        assert one.query + one.history == pytest.approx(dense, abs=1e-5)
        assert sum(i.cosine for i in one.influences) == pytest.approx(one.history, abs=1e-6)
        assert {i.event.user for i in one.influences} == {"ann"}
    moved = {hit.chunk.doc_id: one.history for hit, one in zip(hits, why, strict=True)}
    assert max(moved, key=lambda id: moved[id]) == "wine" and min(moved.values()) < 0
    [cold] = moved_by(bend, view, Query(ASK, user="cold"), [hits[0].id])
    assert cold.strength == 0.0 == cold.history and cold.influences == ()
    [summed] = moved_by(Bend(MeanPooling(profiles), ENCODER, 1.0), view, query, [hits[0].id])
    assert summed.influences == () and summed.history != 0.0


@pytest.mark.parametrize("wrong", [{"strength": math.nan}, {"prior": -1.0}, {"prior": math.inf}])
def test_what_is_out_of_range_is_refused(profiles, wrong) -> None:
    with pytest.raises(BadInput):
        Bend(MeanPooling(profiles), ENCODER, **wrong)
    with pytest.raises(BadInput):
        AttentionPooling(profiles, kinds={"x": -1.0})
