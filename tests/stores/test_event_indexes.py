"""Search indexes over events find what reading all of them would, and forget with them."""

from __future__ import annotations

import re

import numpy as np
import pytest
from stores.told_events import SIGNATURE, Killed, betrayed, events_of

from rag_embed.maths.attention import Attention, attention
from rag_embed.maths.vectors import unit
from rag_embed.stores import event_search, upkeep
from rag_embed.stores import events as module
from rag_embed.stores.events import LanceEvents
from rag_embed.testing.event_data import DIM, event, remember, rows


def test_many_rows_are_found_by_search_indexes(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(module, "BUCKETS", 1)
    monkeypatch.setattr(upkeep, "LOOSE", 10)
    store = LanceEvents(tmp_path, SIGNATURE)
    remember(store, *events_of("ann", range(9)))
    assert store._table("events_00").list_indices() == []
    remember(store, *events_of("ben", range(9)))
    found = store._table("events_00").list_indices()
    assert {(index.columns[0], index.index_type) for index in found} == {
        ("key", "BTree"),
        ("user_id", "BTree"),
        ("time", "BTree"),
        ("weight", "BTree"),
    }
    remember(store, *events_of("ann", range(8, 10)))
    assert [e.id for e in store.history("ann").events] == [f"{i} <ann>" for i in range(10)]
    assert store.total("ann").count == 10 and len(store.history("ben")) == 9


@pytest.fixture
def vector_index(monkeypatch):
    """A bucket of 40 rows has a vector index."""
    monkeypatch.setattr(module, "BUCKETS", 1)
    monkeypatch.setattr(upkeep, "LOOSE", 40)
    monkeypatch.setattr(event_search, "INDEXED", 40)


def vector_indexes(store: LanceEvents) -> list[str]:
    found = store._table("events_00").list_indices()
    return [index.index_type for index in found if index.columns == ["key_vector"]]


def test_the_vector_index_forgets_too(tmp_path, vector_index) -> None:
    """It holds keys as they are; what stays is found by a new one."""
    store = LanceEvents(tmp_path, SIGNATURE)
    remember(store, *events_of("big", range(60)), *events_of("ann", range(3)))
    assert vector_indexes(store) == ["IvfFlat"]
    keys = [rows(f"text {i} of <ann>")[0].tobytes() for i in range(3)]
    assert any("_indices" in path for path in betrayed(tmp_path, keys))
    assert store.forget("ann") == 3
    assert betrayed(tmp_path, keys) == set()
    assert vector_indexes(store) == ["IvfFlat"]
    row = rows("text 7 of <big>")[0]
    assert "7 <big>" in {one.id for one in store.near("big", row, 2, Attention()).events}


def test_the_index_misses_nobody_whose_events_are_few_in_a_bucket(tmp_path, vector_index) -> None:
    """The parts around a query can be full of others' events, and new ones in no index at all."""
    store, rng = LanceEvents(tmp_path, SIGNATURE), np.random.default_rng(0)
    near, far = (
        unit(at + 0.1 * rng.normal(size=(900, DIM))) for at in (np.eye(1, DIM), np.eye(1, DIM, 1))
    )
    store.add([event("ben", str(i)) for i in range(900)], near, near)
    store.add([event("ann", str(i)) for i in range(90)], far[:90], far[:90])
    assert vector_indexes(store) == ["IvfFlat"]
    fresh = unit(np.eye(1, DIM) + np.eye(1, DIM, 1))
    store.add([event("ann", "fresh")], fresh, fresh)
    found = store.near("ann", near[0], 5, Attention())
    assert len(found) == 5 and {one.user for one in found.events} == {"ann"}
    assert "fresh" in {one.id for one in found.events}


def test_a_long_history_is_not_read(tmp_path, monkeypatch) -> None:
    """What is read does not grow with it, but where age and weight ask for more."""
    store = LanceEvents(tmp_path, SIGNATURE)
    keys = unit(np.random.default_rng(1).normal(size=(3000, DIM)))
    store.add([event("ann", str(i), time=float(i)) for i in range(3000)], keys, keys)
    monkeypatch.setattr(store, "history", Killed)
    for attending in (Attention(), Attention(half_life=5.0), Attention(kinds={"x": 0.0})):
        assert 8 <= len(store.near("ann", keys[5], 8, attending)) <= 9


def test_upkeep_leaves_the_parts_of_the_vector_index(tmp_path, vector_index) -> None:
    """LanceDB joined parts that are small for it, and then every search read every event."""
    store, rng = LanceEvents(tmp_path, SIGNATURE), np.random.default_rng(0)
    keys = unit(np.eye(DIM)[rng.integers(DIM, size=900)] + 0.05 * rng.normal(size=(900, DIM)))
    store.add([event("ann", str(i)) for i in range(900)], keys, keys)
    for number in range(2):
        upkeep.optimized(store._table("events_00"), True)
        search = store._table("events_00").search(keys[0], vector_column_name="key_vector")
        plan = (
            search.distance_type("dot")
            .limit(3)
            .minimum_nprobes(1)
            .maximum_nprobes(1)
            .analyze_plan()
        )
        [compared] = re.findall(r"ANNSubIndex.*?index_comparisons=(\d+)", plan)
        assert 0 < int(compared) < 200, number


@pytest.mark.parametrize("half_life", [None, 20.0, 300.0])
def test_a_long_history_with_others_beside_it_is_found_as_by_attention(
    tmp_path, vector_index, half_life
) -> None:
    store, rng = LanceEvents(tmp_path, SIGNATURE), np.random.default_rng(3)
    topics = unit(rng.normal(size=(12, DIM)))
    keys = unit(topics[rng.integers(12, size=2400)] + 0.05 * rng.normal(size=(2400, DIM)))
    kinds = rng.choice(["a", "b"], size=2400)
    users = rng.choice(["ann", "ann", "ben"], size=2400)
    events = [
        event(u, f"{i}", time=float(i), kind=k)
        for i, (u, k) in enumerate(zip(users, kinds, strict=True))
    ]
    store.add(events, keys, keys)
    history = store.history("ann")
    for kinds in ({}, {"a": 0.0}):
        attending = Attention(0.05, half_life, kinds)
        weights = attending.weighted(history.weights, [one.kind for one in history.events])
        for row in unit(topics[:4] + 0.05 * rng.normal(size=(4, DIM))):
            shares = attention(
                history.keys @ row,
                weights,
                history.times,
                temperature=0.05,
                half_life=half_life,
                top=8,
            )
            expected = {history.events[i].id for i in np.flatnonzero(shares)}
            found = {one.id for one in store.near("ann", row, 8, attending).events}
            assert expected <= found and len(found) <= 9
