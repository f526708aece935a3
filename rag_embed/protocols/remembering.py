"""What users did."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal, Protocol, TypeAlias

from rag_embed.events import History, UserEvent
from rag_embed.maths.attention import Attention
from rag_embed.maths.profile import DecayedSum
from rag_embed.types import Vectors

HalfLife: TypeAlias = float | Literal["stored"] | None
"""Seconds after which an event counts half, ``None`` for no decay; ``"stored"`` takes what is there, and
no decay where nothing is."""


class Histories(Protocol):
    """Knows what users did. Implementations: every `EventStore`, and `profiles.Profiles`."""

    def history(self, user: str, /) -> History:
        """Everything of one user and of nobody else; empty for an unknown one."""
        ...

    def count(self, user: str, ignored: Collection[str] = (), /) -> int:
        """How many events of one user there are, those of ignored kinds left out; reads none of them."""
        ...

    def near(self, user: str, row: Vectors, n: int, attention: Attention, /) -> History:
        """The part of a history that attention picks for one query; costs no reading of the whole.

        Args:
            user: Whose history.
            row: ``(dim,)`` of length 1, the query.
            n: Events that may count, >= 1.
            attention: What the events' shares depend on.

        Returns:
            The ``n`` events with the largest shares, and the nearest event where it is none of them;
            oldest first. Events without a share are left out. Of those with equal shares any may be
            taken. A store with a search index for vectors may miss what that index misses.
        """
        ...


class Totals(Protocol):
    """Knows the decayed sum of a user's values. Implementations: as of `Histories`."""

    def total(self, user: str, /) -> DecayedSum:
        """Of one user and of nobody else; empty for an unknown one. Costs O(dim)."""
        ...


class EventStore(Protocol):
    """Keeps users' events. Implementations: `stores.events`, `stores.memory_events`."""

    @property
    def dim(self) -> int:
        """Length of a vector."""
        ...

    @property
    def half_life(self) -> float | None:
        """Of the decayed sums, in seconds; ``None`` for no decay."""
        ...

    def add(self, events: Sequence[UserEvent], keys: Vectors, values: Vectors, /) -> None:
        """Store events of any users with their vectors; a known (user, id) is replaced.

        The sums of their users are brought up to date in the same commit.

        Raises:
            BadInput: Vectors do not fit, or (user, id) comes twice.
        """
        ...

    def history(self, user: str, /) -> History:
        """See `Histories`."""
        ...

    def count(self, user: str, ignored: Collection[str] = (), /) -> int:
        """See `Histories`."""
        ...

    def near(self, user: str, row: Vectors, n: int, attention: Attention, /) -> History:
        """See `Histories`."""
        ...

    def total(self, user: str, /) -> DecayedSum:
        """See `Totals`."""
        ...

    def forget(self, user: str, ids: Sequence[str] | None = None, /) -> int:
        """Erase events of one user, all of them when ``ids`` is None.

        When it returns, no byte of their texts and vectors is left in any file.

        Returns:
            How many there were.
        """
        ...

    def users(self) -> list[str]:
        """Ids of all users with events, sorted."""
        ...
