"""The nouns of personalisation: what a user did, and all that is remembered of one user."""

from __future__ import annotations

import hashlib
import json
import time as clock
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import numpy as np
import numpy.typing as npt

from rag_embed.arguments import is_number
from rag_embed.errors import BadInput, class_of
from rag_embed.text import storable
from rag_embed.types import Vectors


@dataclass(frozen=True, slots=True)
class UserEvent:
    """Something a user asked, said, read or chose.

    A query attends to what was *asked* (``text``) and moves towards what was *chosen*
    (``outcome``): separate keys and values, as in DHAP (SIGIR 2021) and DARE (ICLR 2025).

    Attributes:
        id: Unique for its user; remembering a known id again replaces the event.
        user: Whose it is. Take it from your authentication, never from a text.
        text: What was asked, said or done.
        time: Seconds since 1970, UTC.
        outcome: What it led to, for example the document that was read; empty where the text
            itself is all there is.
        kind: Such as ``"search"``, ``"purchase"``, ``"fact"``; kinds can count differently.
        weight: How much it counts, > 0.
        metadata: JSON-serialisable values.

    Raises:
        BadInput: A value has the wrong type or is out of range.

    Examples:
        >>> UserEvent("1", "ann", "waterproof boots", 0.0, outcome="Hiking boots, size 39").user
        'ann'
    """

    id: str
    user: str
    text: str
    time: float
    outcome: str = ""
    kind: str = "event"
    weight: float = 1.0
    metadata: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        for name in ("id", "text", "outcome", "kind"):
            value = getattr(self, name)
            if not isinstance(value, str):
                raise BadInput(f"UserEvent.{name} must be a str, got {type(value).__name__}.")
        check_user(self.user)
        if not self.id or storable(self.id) != self.id:
            raise BadInput(f"UserEvent.id must be a non-empty, encodable str, got {self.id!r}.")
        if not self.text.strip():
            raise BadInput(f"Event {self.id!r} of user {self.user!r} has no text.")
        for name, above in (("time", -float("inf")), ("weight", 0.0)):
            value = getattr(self, name)
            if not is_number(value) or not isfinite(value) or not value > above:
                limit = " above 0" if name == "weight" else ""
                raise BadInput(f"UserEvent.{name} must be a finite number{limit}, got {value!r}.")
        if not isinstance(self.metadata, Mapping):
            raise BadInput(
                f"UserEvent.metadata must be a mapping, got {type(self.metadata).__name__}."
            )

    @classmethod
    def of(
        cls,
        user: str,
        text: str,
        *,
        time: float | None = None,
        outcome: str = "",
        kind: str = "event",
        weight: float = 1.0,
        metadata: Mapping[str, Any] | None = None,
    ) -> UserEvent:
        """An event with an id made of its content, so that remembering it twice counts once.

        Args:
            user: See the attributes.
            text: See the attributes.
            time: Now, when None.
            outcome: See the attributes.
            kind: See the attributes.
            weight: See the attributes.
            metadata: See the attributes.

        Examples:
            >>> UserEvent.of("ann", "tea", time=1.0) == UserEvent.of("ann", "tea", time=1.0)
            True
        """
        when = clock.time() if time is None else time
        content = json.dumps([user, kind, text, outcome, when], default=str)
        id = hashlib.blake2b(content.encode(), digest_size=10).hexdigest()
        return cls(id, user, text, when, outcome, kind, weight, metadata or {})

    @property
    def value_text(self) -> str:
        """What the query moves towards: the outcome, or the text where there is none."""
        return self.outcome if self.outcome.strip() else self.text


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """All that is remembered of one user, oldest first; equal times by id.

    Attributes:
        events: What happened.
        keys: ``(n, dim)`` float32 unit rows: what was asked.
        values: ``(n, dim)`` float32 unit rows: what it led to.
    """

    events: tuple[UserEvent, ...]
    keys: Vectors
    values: Vectors

    def __len__(self) -> int:
        return len(self.events)

    @classmethod
    def of(cls, events: Sequence[UserEvent], keys: Vectors, values: Vectors) -> History:
        """Put in order of time."""
        order = sorted(range(len(events)), key=lambda i: (events[i].time, events[i].id))
        return cls(tuple(events), keys, values).at(order)

    def at(self, rows: Sequence[int]) -> History:
        """The events at some positions."""
        some = np.array(rows, dtype=np.intp)
        return History(tuple(self.events[i] for i in rows), self.keys[some], self.values[some])

    def split(self, ids: Set[str]) -> tuple[History, History]:
        """The events with these ids, and the others."""
        rows: tuple[list[int], list[int]] = ([], [])
        for i, event in enumerate(self.events):
            rows[event.id not in ids].append(i)
        return self.at(rows[0]), self.at(rows[1])

    @property
    def weights(self) -> npt.NDArray[np.float64]:
        """``(n,)`` each event's own weight."""
        return np.array([event.weight for event in self.events], dtype=np.float64)

    @property
    def times(self) -> npt.NDArray[np.float64]:
        """``(n,)`` seconds."""
        return np.array([event.time for event in self.events], dtype=np.float64)


def owned(user: str, events: Iterable[UserEvent | str] | UserEvent) -> Iterator[UserEvent]:
    """The events, or the only one, as those of one user; a text becomes an event of now.

    Raises:
        BadInput: An event is of somebody else, or neither an event nor a text.

    Examples:
        >>> [event.text for event in owned("ann", ["green tea"])]
        ['green tea']
    """
    check_user(user)
    if isinstance(events, str) or not isinstance(events, UserEvent | Iterable):
        raise BadInput(f"Expected a list of events, got {class_of(events)}; wrap one in a list.")
    for event in [events] if isinstance(events, UserEvent) else events:
        if isinstance(event, str):
            yield UserEvent.of(user, event)
        elif isinstance(event, UserEvent) and event.user == user:
            yield event
        else:
            said = f"one of user {event.user!r}" if isinstance(event, UserEvent) else repr(event)
            raise BadInput(f"Expected events of user {user!r} or texts, got {said}.")


def check_ids(ids: object) -> None:
    """Refuse what is no list of ids of events.

    Raises:
        BadInput: It is one str, or no list or tuple.
    """
    if isinstance(ids, str) or not isinstance(ids, Iterable):
        raise BadInput(
            f"forget() takes a list of event ids, got {class_of(ids)}; wrap one in a list."
        )


def check_user(user: object) -> str:
    """A user id that can be one: a non-empty str that can be encoded.

    Raises:
        BadInput: It is not. An id that had to be altered to be stored could become another user's.
    """
    if not isinstance(user, str) or not user:
        raise BadInput(f"A user id is a non-empty str, got {user!r}. Take it from the login.")
    if storable(user) != user:
        raise BadInput(f"The user id {user!r} holds a lone surrogate and cannot be stored.")
    return user
