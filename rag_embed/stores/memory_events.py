"""Users' events in memory: what other event stores are tested against."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from threading import Lock

import numpy as np

from rag_embed.events import History, UserEvent, check_user
from rag_embed.maths.attention import Attention
from rag_embed.maths.profile import DecayedSum
from rag_embed.processes import PerProcess
from rag_embed.stores.event_rows import added, by_user, checked, empty, picked, without
from rag_embed.types import Vectors


class MemoryEvents:
    """A `protocols.EventStore` that forgets everything when the process ends.

    Args:
        dim: Length of a vector.
        half_life: Of the decayed sums, in seconds; ``None`` for no decay.

    Examples:
        >>> store = MemoryEvents(2)
        >>> row = np.eye(1, 2, dtype=np.float32)
        >>> store.add([UserEvent("1", "ann", "tea", 0.0)], row, row)
        >>> len(store.history("ann")), len(store.history("ben"))
        (1, 0)
    """

    def __init__(self, dim: int, *, half_life: float | None = None) -> None:
        self._none = DecayedSum.empty(dim, half_life)
        self._histories: dict[str, History] = {}
        self._totals: dict[str, DecayedSum] = {}
        self._turn = PerProcess(Lock)

    @property
    def dim(self) -> int:
        """See `protocols.EventStore`."""
        return len(self._none.total)

    @property
    def half_life(self) -> float | None:
        """See `protocols.EventStore`."""
        return self._none.half_life

    def add(self, events: Sequence[UserEvent], keys: Vectors, values: Vectors, /) -> None:
        """See `protocols.EventStore`."""
        events = checked(events, keys, values, self.dim)
        with self._turn.get():
            for user, rows in by_user(events).items():
                some = [events[i] for i in rows]
                gone, stays = self.history(user).split({event.id for event in some})
                total = without(self.total(user), gone, lambda stays=stays: stays)  # type: ignore[misc]
                self._totals[user] = added(total, some, values[rows])
                self._histories[user] = History.of(
                    [*stays.events, *some],
                    np.concatenate([stays.keys, keys[rows]]),
                    np.concatenate([stays.values, values[rows]]),
                )

    def history(self, user: str, /) -> History:
        """See `protocols.EventStore`."""
        return self._histories.get(check_user(user), empty(self.dim))

    def count(self, user: str, ignored: Collection[str] = (), /) -> int:
        """See `protocols.EventStore`."""
        return sum(event.kind not in ignored for event in self.history(user).events)

    def near(self, user: str, row: Vectors, n: int, attention: Attention, /) -> History:
        """See `protocols.EventStore`; looks at all."""
        return picked(self.history(user), row, n, attention)

    def total(self, user: str, /) -> DecayedSum:
        """See `protocols.EventStore`."""
        return self._totals.get(check_user(user), self._none)

    def forget(self, user: str, ids: Sequence[str] | None = None, /) -> int:
        """See `protocols.EventStore`."""
        with self._turn.get():
            old = self.history(user)
            gone, stays = old.split({e.id for e in old.events} if ids is None else set(ids))
            if not len(stays):
                self._histories.pop(user, None)
                self._totals.pop(user, None)
            elif len(gone):
                self._totals[user] = without(self._totals[user], gone, lambda: stays)
                self._histories[user] = stays
            return len(gone)

    def users(self) -> list[str]:
        """See `protocols.EventStore`."""
        return sorted(self._histories)
