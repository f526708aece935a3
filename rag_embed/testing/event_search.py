"""What every event store must do to find what attention picks; a part of `events.EventStoreContract`."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag_embed.errors import BadInput
from rag_embed.maths.attention import Attention, attention
from rag_embed.maths.vectors import unit
from rag_embed.testing.event_data import DIM, Make, event, remember, rows


class EventSearchContract:
    """Every implementation behaves like this."""

    @settings(
        max_examples=20,
        deadline=None,
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.differing_executors,  # one per store, on purpose
        ],
    )
    @given(
        seed=st.integers(0, 2**32 - 1),
        size=st.sampled_from([1, 7, 60, 300]),
        n=st.sampled_from([1, 2, 5, 9]),
        temperature=st.sampled_from([0.01, 0.05, 1.0]),
        half_life=st.sampled_from([None, 1.0, 30.0, 1e4]),
        kinds=st.sampled_from(
            [{}, {"b": 0.0}, {"a": 0.2, "c": 7.0}, {"a": 0.0, "b": 0.0, "c": 0.0}]
        ),
        weights=st.sampled_from([(1.0,), (1.0, 1.0, 1.0, 50.0), (0.01, 0.5, 3.0)]),
    )
    def test_near_is_what_attention_over_everything_picks(
        self,
        make: Make,
        seed: int,
        size: int,
        n: int,
        temperature: float,
        half_life: float | None,
        kinds: dict[str, float],
        weights: tuple[float, ...],
    ) -> None:
        """However weight, age and kind stand against nearness; never another user's, and no more."""
        store, rng = make(), np.random.default_rng(seed)
        events = [
            event(
                user,
                f"{i}",
                time=float(rng.uniform(0, 100)),
                kind=str(rng.choice(["a", "b", "c"])),
                weight=float(rng.choice(weights)),
            )
            for user in ("ann", "ben")
            for i in range(size)
        ]
        keys, values = (unit(rng.normal(size=(2 * size, DIM))) for _ in range(2))
        store.add(events, keys, values)
        history, row = store.history("ann"), unit(rng.normal(size=(1, DIM)))[0]
        attending = Attention(temperature, half_life, kinds)
        found = store.near("ann", row, n, attending)
        weighted = attending.weighted(history.weights, [one.kind for one in history.events])
        assert store.count("ann", attending.ignored) == np.count_nonzero(weighted)
        similarities = history.keys @ row
        shares = attention(
            similarities,
            weighted,
            history.times,
            temperature=temperature,
            half_life=half_life,
            top=n,
        )
        picked = set(np.flatnonzero(shares).tolist())
        if weighted.any():
            picked.add(int(np.where(weighted > 0, similarities, -9.0).argmax()))
        expected = history.at(sorted(picked))
        assert found.events == expected.events
        np.testing.assert_array_equal(found.keys, expected.keys)
        np.testing.assert_array_equal(found.values, expected.values)

    def test_near_does_not_read_what_cannot_count(self, make: Make) -> None:
        """Nobody has nothing; who is no user is refused; equal events are no reason to fail."""
        store, row = make(), rows("x")[0]
        assert len(store.near("nobody", row, 3, Attention())) == 0 == store.count("nobody")
        with pytest.raises(BadInput, match="user id"):
            store.near("", row, 3, Attention())
        with pytest.raises(BadInput, match="user id"):
            store.count("", ["a"])
        remember(store, *(event("ann", str(i), "same", float(i)) for i in range(50)))
        remember(store, *(event("ben", str(i), "x", float(i)) for i in range(50)))
        found = store.near("ann", row, 4, Attention())
        assert {one.user for one in found.events} == {"ann"} and 4 <= len(found) <= 5
        newest = store.near("ann", row, 4, Attention(half_life=1.0))
        assert [one.id for one in newest.events][-4:] == ["46", "47", "48", "49"]
