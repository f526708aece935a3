"""Events and vectors that the contract of event stores is written with."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from rag_embed.events import UserEvent
from rag_embed.maths.vectors import unit
from rag_embed.protocols import EventStore
from rag_embed.types import Vectors

DIM = 32
"""Length of the vectors of the contract."""


def rows(*texts: str) -> Vectors:
    """A unit row per text that depends on the text alone."""
    seeds = [list(hashlib.blake2b(t.encode(), digest_size=8).digest()) for t in texts]
    return unit(np.array([np.random.default_rng(s).normal(size=DIM) for s in seeds]))


def event(
    user: str,
    id: str,
    text: str = "",
    time: float = 0.0,
    *,
    outcome: str = "",
    kind: str = "event",
    weight: float = 1.0,
    metadata: Mapping[str, Any] | None = None,
) -> UserEvent:
    """An event; its text is its own unless one is given."""
    said = text or f"text {id} of {user}"
    return UserEvent(id, user, said, time, outcome, kind, weight, metadata or {})


def remember(store: EventStore, *events: UserEvent) -> None:
    """Store events with the vectors of their texts."""
    keys = rows(*(one.text for one in events))
    store.add(list(events), keys, rows(*(one.value_text for one in events)))


class Make(Protocol):
    """Makes an empty event store for vectors of `DIM` numbers."""

    def __call__(self, half_life: float | None = None) -> EventStore:
        """A store of its own at each call."""
        ...
