"""One vector of a user's history: by attention, as a running mean, or of the talk so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import numpy as np
import numpy.typing as npt

from rag_embed.arguments import set_counts
from rag_embed.errors import BadInput
from rag_embed.events import History, UserEvent
from rag_embed.maths.attention import Attention, attention
from rag_embed.maths.profile import DecayedSum
from rag_embed.maths.vectors import unit
from rag_embed.protocols import Histories, QueryEncoder, Totals
from rag_embed.types import Query, Vectors

WHOLE = 512
"""Events that are read as a whole, once for all queries of a user; searching more is cheaper."""


@dataclass(frozen=True, slots=True, eq=False)
class Pooled:
    """What a user's history says to one query.

    Attributes:
        vector: ``(dim,)`` float32: the weighted mean of the values, so its length is at most 1.
        count: Events that were there to choose from.
        similarity: Largest cosine of the query with a key; with ``vector`` where no single event
            was looked at.
        events: Those that were looked at, with all that have a share; empty for a running sum and for
            turns of a talk.
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


@dataclass(frozen=True, slots=True)
class AttentionPooling:
    """Attends to what was asked, pools what was chosen: `maths.attention.attention`.

    A long history is searched first and attended to afterwards, as DARE (ICLR 2025) does: the shares
    are those of attention over all, since only the ``top`` of them count.

    Attributes:
        histories: Where events come from.
        encoder: Encodes the instruction with the query; needed for an instruction alone.
        temperature: > 0. The published 1.0 weighs nearly all events alike; .02 to .1 select.
        half_life: Seconds after which an event counts half; ``None`` for no decay.
        top: Events that may count; ``None`` for all, which reads the whole history.
        kinds: Factor of each kind of event, >= 0; kinds that are not named have 1.
        instruction: What the profile is for, such as ``"films this user enjoys"``. Events are then
            attended to by this text and the query together (InstructUE, 2025, does it by training).

    Raises:
        BadInput: A parameter is out of range, or an instruction came without an encoder.
    """

    histories: Histories
    encoder: QueryEncoder | None = None
    temperature: float = 0.05
    half_life: float | None = None
    top: int | None = 64
    kinds: Mapping[str, float] = field(default_factory=dict)
    instruction: str = ""

    def __post_init__(self) -> None:
        self._attention()
        set_counts(self, 1, "top")
        if self.instruction and self.encoder is None:
            raise BadInput("An instruction must be encoded; give AttentionPooling an encoder.")

    def ask(self, queries: Sequence[Query], /) -> list[Callable[[Vectors], Pooled] | None]:
        """See `protocols.Pooling`."""
        users = dict.fromkeys(query.user for query in queries if query.user is not None)
        ignored = self._attention().ignored
        counts = {user: self.histories.count(user, ignored) for user in users}
        looks = {user: self._look(user) for user, count in counts.items() if count}
        return [
            partial(self._pooled, looks[query.user], counts[query.user], query.text)
            if query.user in looks
            else None
            for query in queries
        ]

    def pooled(self, history: History, row: Vectors, count: int | None = None) -> Pooled:
        """A history seen from one ``(dim,)`` vector; a count of 0 where no event has weight.

        Args:
            history: All events, or those that may count and the nearest.
            row: The vector.
            count: Events that there were to choose from; ``None`` for those of the history.
        """
        similarities = history.keys @ row
        kinds = [event.kind for event in history.events]
        weights = self._attention().weighted(history.weights, kinds)
        if not weights.any():
            return Pooled(np.zeros_like(row), 0, 0.0, (), history.values[:0], np.zeros(0))
        shares = attention(
            similarities,
            weights,
            history.times,
            temperature=self.temperature,
            half_life=self.half_life,
            top=self.top,
        )
        return Pooled(
            vector=(shares @ history.values.astype(np.float64)).astype(np.float32),
            count=int(np.count_nonzero(weights)) if count is None else count,
            similarity=float(similarities[weights > 0].max()),
            events=history.events,
            values=history.values,
            shares=shares,
        )

    def _attention(self) -> Attention:
        return Attention(self.temperature, self.half_life, self.kinds)

    def _look(self, user: str) -> Callable[[Vectors], History]:
        """Gives what a query has to look at."""
        top = self.top
        if top is None or self.histories.count(user) <= max(WHOLE, top):
            history = self.histories.history(user)
            return lambda row: history
        return lambda row: self.histories.near(user, row, top, self._attention())

    def _pooled(
        self, look: Callable[[Vectors], History], count: int, text: str, row: Vectors
    ) -> Pooled:
        if self.instruction and self.encoder is not None:
            row = self.encoder.encode_query([f"{self.instruction}\n{text}".strip()])[0]
        return self.pooled(look(row), row, count)


@dataclass(frozen=True, slots=True)
class MeanPooling:
    """The decayed mean of everything, whatever the query; one look-up of O(dim)."""

    totals: Totals

    def ask(self, queries: Sequence[Query], /) -> list[Callable[[Vectors], Pooled] | None]:
        """See `protocols.Pooling`."""
        users = dict.fromkeys(query.user for query in queries)
        known = {user: self.totals.total(user) for user in users if user is not None}
        return [
            partial(self._pooled, known[query.user])
            if query.user is not None and known[query.user].count
            else None
            for query in queries
        ]

    def _pooled(self, total: DecayedSum, row: Vectors) -> Pooled:
        # A sum that faded below the smallest float has a direction all the same.
        faded = not total.weight > 0
        mean = total.direction if faded else (total.total / total.weight).astype(np.float32)
        near = float(unit(mean[None])[0] @ row)
        return Pooled(mean, total.count, near, (), mean[None], np.ones(1))


@dataclass(frozen=True, slots=True)
class SessionPooling:
    """Earlier turns of the same talk, `Query.previous`; a turn is often about the one before.

    Attributes:
        encoder: Encodes the turns.
        temperature: > 0; see `AttentionPooling`.
        half_life: Turns after which a turn counts half; ``None`` for no decay.
        top: Turns that may count; ``None`` for all.
    """

    encoder: QueryEncoder
    temperature: float = 0.1
    half_life: float | None = None
    top: int | None = None

    def ask(self, queries: Sequence[Query], /) -> list[Callable[[Vectors], Pooled] | None]:
        """See `protocols.Pooling`; each turn is encoded once."""
        said = [[turn for turn in query.previous if turn.strip()] for query in queries]
        turns = list(dict.fromkeys(turn for some in said for turn in some))
        if not turns:
            return [None] * len(queries)
        rows = self.encoder.encode_query(turns)
        at = {turn: i for i, turn in enumerate(turns)}
        return [
            partial(self._pooled, rows[[at[turn] for turn in some]]) if some else None
            for some in said
        ]

    def _pooled(self, turns: Vectors, row: Vectors) -> Pooled:
        similarities = turns @ row
        shares = attention(
            similarities,
            np.ones(len(turns)),
            np.arange(len(turns), dtype=np.float64),
            temperature=self.temperature,
            half_life=self.half_life,
            top=self.top,
        )
        vector = (shares @ turns.astype(np.float64)).astype(np.float32)
        return Pooled(vector, len(turns), float(similarities.max()), (), turns, shares)
