"""Which events moved a result: a hit's cosine taken apart into the query's share and each event's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rag_embed.events import UserEvent
from rag_embed.personal.bend import Bend, Bent
from rag_embed.protocols import View
from rag_embed.types import Query, Vectors

_EVENTS = 3


@dataclass(frozen=True, slots=True)
class Influence:
    """What one event added to a hit's cosine.

    Attributes:
        event: The event.
        share: How much of the pooled history it is, in [0, 1].
        cosine: What it added to the hit's cosine with the query, or took from it.
    """

    event: UserEvent
    share: float
    cosine: float


@dataclass(frozen=True, slots=True)
class Moved:
    """Why a hit is where it is, as far as its user is the reason.

    Attributes:
        strength: What was left of the strength after shrinkage and gate; 0 when nothing was bent.
        query: The query's own part of the cosine.
        history: The history's part, of all events together. ``query + history`` is the cosine.
        influences: The events that moved it most, by absolute cosine; empty where the history is known
            only as a sum.
    """

    strength: float
    query: float
    history: float
    influences: tuple[Influence, ...]

    @property
    def explained(self) -> dict[str, Any]:
        """All of it for a JSON document; of an event, its id and text."""
        return {
            "strength": self.strength,
            "query": self.query,
            "history": self.history,
            "events": [
                {
                    "id": one.event.id,
                    "text": one.event.text,
                    "share": one.share,
                    "cosine": one.cosine,
                }
                for one in self.influences
            ],
        }


def moved_by(
    bend: Bend, view: View, query: Query, ids: list[str], events: int = _EVENTS
) -> list[Moved]:
    """Explain hits of a query that went through ``bend``.

    Args:
        bend: The transform.
        view: Of the store that was searched.
        query: As it was asked, before the transform.
        ids: Chunk ids of its hits.
        events: Influences named per hit.

    Returns:
        One per id, in order.
    """
    rows = view.vectors(bend.space, ids)
    bent = bend.bent([query])[0]
    if bent is None:
        encoded = query.vectors.get(bend.space)
        own = bend.encoder.encode_query([query.text])[0] if encoded is None else encoded
        return [Moved(0.0, float(row @ own), 0.0, ()) for row in rows]
    return [_moved(bent, row, events) for row in rows]


def _moved(bent: Bent, row: Vectors, events: int) -> Moved:
    pooled, wide = bent.pooled, row.astype(np.float64)
    own = (pooled.values.astype(np.float64) - bent.mean) @ wide
    cosines = bent.strength * pooled.shares * own / (bent.spread * bent.length)
    order = sorted(range(len(pooled.events)), key=lambda i: (-abs(cosines[i]), i))[:events]
    return Moved(
        bent.strength,
        float(bent.query @ row) / bent.length,
        float(cosines.sum()),
        tuple(
            Influence(pooled.events[i], float(pooled.shares[i]), float(cosines[i]))
            for i in order
            if pooled.shares[i] > 0
        ),
    )
