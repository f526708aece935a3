"""The verbs of personalisation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from rag_embed.maths.profile import DecayedSum
from rag_embed.personal.events import History, UserEvent
from rag_embed.types import Query, Vectors


class Histories(Protocol):
    """Knows what users did. Implementations: every `EventStore`, and `profiles.Profiles`."""

    def history(self, user: str, /) -> History:
        """Everything of one user and of nobody else; empty for an unknown one."""
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


@dataclass(frozen=True, slots=True, eq=False)
class Pooled:
    """What a user's history says to one query.

    Attributes:
        vector: ``(dim,)`` float32: the weighted mean of the values, so its length is at most 1.
        count: Events that were there to choose from.
        similarity: Largest cosine of the query with a key; with ``vector`` where no single event
            was looked at.
        events: Those that were looked at; empty for a running sum and for turns of a talk.
        values: ``(n, dim)`` what was looked at.
        shares: ``(n,)`` float64, how much of the vector is each one's; adds up to 1.
    """

    vector: Vectors
    count: int
    similarity: float
    events: tuple[UserEvent, ...]
    values: Vectors
    shares: npt.NDArray[np.float64]


class Pooling(Protocol):
    """Makes one vector of what is known of a user. Implementations: `personal.pooling`."""

    def ask(self, queries: Sequence[Query], /) -> list[Callable[[Vectors], Pooled] | None]:
        """Per query what makes a `Pooled` of its ``(dim,)`` vector; ``None`` if nothing is known.

        Asked before the query is encoded, so that a user without history costs no encoding.
        """
        ...


class QueryTransform(Protocol):
    """Changes what is asked. Implementations: `personal.bend.Bend`."""

    def transform(self, queries: Sequence[Query], /) -> list[Query]:
        """One query per query, in order; a query that stays as it is is the very same object."""
        ...


class QueryEncoder(Protocol):
    """The part of an encoder that personalisation needs at query time."""

    def encode_query(self, texts: Sequence[str], /) -> Vectors:
        """``(len(texts), dim)`` unit rows."""
        ...
