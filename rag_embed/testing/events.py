"""What every event store must do. Subclass `EventStoreContract` and give it a `make` fixture."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag_embed.errors import BadInput
from rag_embed.events import UserEvent
from rag_embed.protocols import EventStore
from rag_embed.testing.event_data import DIM, Make, event, remember, rows
from rag_embed.testing.event_search import EventSearchContract

Step = tuple[str, str, int, float, float]
HOSTILE = [
    "ann",
    "ann'",
    'ann"',
    "ann' OR '1'='1",
    'ann" OR 1=1 --',
    "ann'; DROP TABLE events_00; --",
    "an",
    "ann ",
    " ann",
    "Ann",
    "ann\x00",
    "ann\n",
    "ann\\",
    "ann\\'",
    "'",
    "''",
    "\\') OR true --",
    "ann%",
    "a_n",
    "*",
    "None",
    "null",
    "é",
    "e\u0301",
    "ann\u200b",
    "用户",
    "\U0001f600",
    '["ann"]',
    '["ann", "1"]',
    "ann\x1fben",
    "../ann",
    "x" * 5000,
]


def expected_total(store: EventStore, user: str) -> npt.NDArray[np.float64]:
    """The definition, over the stored history."""
    history = store.history(user)
    total = np.zeros(DIM)
    newest = max((e.time for e in history.events), default=0.0)
    for one, row in zip(history.events, history.values, strict=True):
        age = newest - one.time
        fade = 0.5 ** (age / store.half_life) if store.half_life else 1.0
        total += one.weight * fade * row.astype(float)
    return total


def state(store: EventStore, users: Iterable[str]) -> dict[str, Any]:
    """All that a store knows of some users, to compare."""
    histories = {user: store.history(user) for user in users}
    return {
        user: (one.events, one.keys.tobytes(), one.values.tobytes(), store.total(user).to_bytes())
        for user, one in histories.items()
    }


class EventStoreContract(EventSearchContract):
    """Every implementation behaves like this."""

    def test_an_unknown_user_has_nothing(self, make: Make) -> None:
        """An unknown user has no events, and forgetting one is no error."""
        store = make()
        assert len(store.history("nobody")) == 0 == store.total("nobody").count
        assert store.history("nobody").keys.shape == (0, DIM)
        assert store.forget("nobody") == 0 == store.forget("nobody", ["x"])
        assert store.users() == []

    def test_events_come_back_as_they_went_in_oldest_first(self, make: Make) -> None:
        """A history is in order of time, with the vectors that were given."""
        store = make()
        late = event("ann", "b", "tea", 5.0, outcome="a pot", kind="buy", weight=2.5)
        early = event("ann", "a", "caf\u00e9 \U0001f375", 1.0, metadata={"n": [1, {"x": None}]})
        remember(store, late)
        remember(store, early, event("ben", "a"))
        history = store.history("ann")
        assert history.events == (early, late)
        assert history.events[0].metadata == {"n": [1, {"x": None}]}
        np.testing.assert_array_equal(history.keys, rows(early.text, "tea"))
        np.testing.assert_array_equal(history.values, rows(early.text, "a pot"))
        assert history.keys.dtype == np.float32 and history.keys.flags.c_contiguous
        assert store.users() == ["ann", "ben"]

    def test_a_known_id_is_replaced(self, make: Make) -> None:
        """The same id of the same user is replaced, in the sum too."""
        store = make(half_life=10.0)
        remember(store, event("ann", "1", "old", 0.0, weight=3.0), event("ann", "2", "stays", 4.0))
        remember(store, event("ann", "1", "new", 9.0), event("ben", "1", "other"))
        assert [e.text for e in store.history("ann").events] == ["stays", "new"]
        assert store.total("ann").count == 2
        np.testing.assert_allclose(
            store.total("ann").total, expected_total(store, "ann"), atol=1e-9
        )
        assert [e.text for e in store.history("ben").events] == ["other"]

    def test_hostile_ids_never_meet(self, make: Make) -> None:
        """User ids that look alike, or like code, are users of their own."""
        store = make()
        remember(store, *(event(user, "1", f"secret {i}") for i, user in enumerate(HOSTILE)))
        for i, user in enumerate(HOSTILE):
            assert [e.text for e in store.history(user).events] == [f"secret {i}"], repr(user)
            assert store.total(user).count == 1
        assert store.users() == sorted(HOSTILE)
        before = state(store, HOSTILE)
        for user in HOSTILE[::7]:
            assert store.forget(user) == 1
            del before[user]
            assert state(store, before) == before
        assert store.users() == sorted(before)

    @pytest.mark.parametrize("user", ["", None, 3, "a\ud800", b"ann"])
    def test_no_id_is_no_user(self, make: Make, user: object) -> None:
        """An id that cannot be one is refused everywhere."""
        store, wrong = make(), cast(Any, user)
        remember(store, event("ann", "1"))
        for ask in (store.history, store.total, store.forget):
            with pytest.raises(BadInput, match="user id"):
                ask(wrong)
        with pytest.raises(BadInput, match="user id"):
            UserEvent("1", wrong, "text", 0.0)
        assert len(store.history("ann")) == 1

    def test_forgetting_one_event_leaves_the_sum_of_the_others(self, make: Make) -> None:
        """The sum is that of the events that are left."""
        store = make(half_life=100.0)
        remember(store, *(event("ann", str(i), f"t{i}", 7.0 * i) for i in range(20)))
        remember(store, event("ben", "3", "stays"))
        other = state(store, ["ben"])
        assert store.forget("ann", ["3", "5", "none"]) == 2
        assert store.forget("ann", ["3"]) == 0
        assert store.total("ann").count == 18 == len(store.history("ann"))
        np.testing.assert_allclose(
            store.total("ann").total, expected_total(store, "ann"), atol=1e-9
        )
        assert state(store, ["ben"]) == other
        assert store.forget("ann", []) == 0
        assert store.forget("ann") == 18
        assert store.total("ann").count == 0 and store.users() == ["ben"]

    def test_forgetting_the_newest_keeps_what_the_old_ones_weigh(self, make: Make) -> None:
        """Subtraction would leave nothing but rounding: the sum is taken anew."""
        store = make(half_life=1.0)
        remember(store, event("ann", "old", "old", 0.0), event("ann", "new", "new", 60.0))
        assert store.forget("ann", ["new"]) == 1
        np.testing.assert_allclose(store.total("ann").direction, rows("old")[0], atol=1e-6)

    def test_metadata_is_kept_as_json_keeps_it(self, make: Make) -> None:
        """As that of documents: times as ISO text."""
        store = make()
        remember(store, event("ann", "a", metadata={"at": datetime(2024, 5, 1, 9), "of": (1, 2)}))
        kept = store.history("ann").events[0].metadata
        assert kept == {"at": "2024-05-01T09:00:00", "of": [1, 2]}
        with pytest.raises(BadInput, match="Event 'b': metadata 'x' cannot be stored"):
            remember(store, event("ann", "b", metadata={"x": object()}))

    def test_what_does_not_fit_changes_nothing(self, make: Make) -> None:
        """A batch with one wrong event stores none of them."""
        store = make()
        good, row = event("ann", "1"), rows("x")
        nan = np.full((1, DIM), np.nan, np.float32)
        for events, keys, values in (
            ([good], row[:, :3], row),
            ([good], row, rows("x", "y")),
            ([good], nan, row),
            ([good, good], rows("x", "y"), rows("x", "y")),
            ([event("ann", "2", metadata={"x": object()})], row, row),
        ):
            with pytest.raises(BadInput):
                store.add(events, keys, values)
        assert store.users() == []

    @settings(
        max_examples=8,
        deadline=None,
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.differing_executors,  # one per store, on purpose
        ],
    )
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["add", "add", "forget"]),
                st.sampled_from(["ann", "ann'", "ben"]),
                st.integers(0, 4),
                st.floats(-50, 50),
                st.floats(0.1, 5),
            ),
            max_size=14,
        )
    )
    def test_any_sequence_leaves_what_a_dictionary_would(
        self, make: Make, steps: list[Step]
    ) -> None:
        """After any adding and forgetting, history and sum are as a dictionary says."""
        store = make(half_life=20.0)
        known: dict[tuple[str, str], UserEvent] = {}
        for n, (step, user, id, time, weight) in enumerate(steps):
            if step == "add":
                one = event(user, str(id), f"text {n}", time, weight=weight)
                remember(store, one)
                known[user, str(id)] = one
            else:
                expected = int(known.pop((user, str(id)), None) is not None)
                assert store.forget(user, [str(id)]) == expected
        for user in ("ann", "ann'", "ben"):
            mine = sorted((e.time, e.id) for e in known.values() if e.user == user)
            assert [(e.time, e.id) for e in store.history(user).events] == mine
            assert store.total(user).count == len(mine)
            if mine:
                expected_sum = expected_total(store, user)
                atol = 1e-7 * max(1.0, np.abs(expected_sum).max())
                direction = expected_sum / np.linalg.norm(expected_sum)
                found = store.total(user).direction
                np.testing.assert_allclose(found, direction, atol=max(atol, 1e-5))
