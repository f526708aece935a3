"""What both event stores do with events: checks before a write, and sums that follow it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from rag_embed.errors import BadInput, SpaceMismatch, StoreError
from rag_embed.events import History, UserEvent
from rag_embed.maths.attention import Attention
from rag_embed.maths.profile import DecayedSum
from rag_embed.maths.vectors import best
from rag_embed.protocols import HalfLife
from rag_embed.text import storable
from rag_embed.types import Signature, Vectors
from rag_embed.values import plain


def checked(
    events: Sequence[UserEvent], keys: Vectors, values: Vectors, dim: int
) -> list[UserEvent]:
    """Events as they can be stored: lone surrogates replaced, metadata as JSON keeps it.

    Raises:
        BadInput: Vectors do not fit, (user, id) comes twice, or metadata cannot be stored.
    """
    for name, rows in (("keys", keys), ("values", values)):
        if rows.shape != (len(events), dim) or not np.isfinite(rows).all():
            raise BadInput(
                f"Events: expected finite {name} of shape {(len(events), dim)}, got {rows.shape}."
            )
    if len({(event.user, event.id) for event in events}) != len(events):
        raise BadInput("An event comes twice in one write; (user, id) must be distinct.")
    return [_stored(event) for event in events]


def _stored(event: UserEvent) -> UserEvent:
    return replace(
        event,
        text=storable(event.text),
        outcome=storable(event.outcome),
        kind=storable(event.kind),
        metadata=plain(event.metadata, f"Event {event.id!r}"),
    )


def by_user(events: Sequence[UserEvent]) -> dict[str, list[int]]:
    """Positions of each user's events."""
    found: dict[str, list[int]] = {}
    for i, event in enumerate(events):
        found.setdefault(event.user, []).append(i)
    return found


def dealt(buckets: Sequence[str], most: int) -> Iterator[tuple[str, list[int]]]:
    """Which events go into each bucket, no more than so many at once.

    Examples:
        >>> list(dealt(["a", "b", "a", "a"], 2))
        [('a', [0, 2]), ('a', [3]), ('b', [1])]
    """
    rows: dict[str, list[int]] = {}
    for i, name in enumerate(buckets):
        rows.setdefault(name, []).append(i)
    for name, some in rows.items():
        for start in range(0, len(some), most):
            yield name, some[start : start + most]


def empty(dim: int) -> History:
    """Nothing is known."""
    rows = np.empty((0, dim), np.float32)
    return History((), rows, rows)


def picked(history: History, row: Vectors, n: int, attention: Attention) -> History:
    """What `protocols.Histories.near` says, of a history or of a part that holds it."""
    weights = attention.weighted(history.weights, [event.kind for event in history.events])
    if not weights.any():
        return history.at([])
    similarities = history.keys @ row
    logits = attention.logits(similarities, weights, history.times, float(history.times.max()))
    some = np.flatnonzero(weights > 0)
    kept = some[best([f"{i:012d}" for i in some], logits[some], n)]
    nearest = some[similarities[some].argmax()]
    return history.at(np.union1d(kept, [nearest]).tolist())


def added(total: DecayedSum, events: Sequence[UserEvent], values: Vectors) -> DecayedSum:
    """A user's sum with more events."""
    weights = np.array([event.weight for event in events], dtype=np.float64)
    times = np.array([event.time for event in events], dtype=np.float64)
    return total.added(values, weights, times)


def without(total: DecayedSum, gone: History, stays: Callable[[], History]) -> DecayedSum:
    """A user's sum without some events that are in it.

    Args:
        total: The sum.
        gone: Those events.
        stays: Gives the others; only asked where too little is left to subtract from.
    """
    left = total.removed(gone.values, gone.weights, gone.times)
    return summed(stays(), total.half_life) if left is None else left


def summed(history: History, half_life: float | None) -> DecayedSum:
    """The sum over a whole history, from the beginning."""
    return added(
        DecayedSum.empty(history.values.shape[1], half_life), history.events, history.values
    )


def check_events(
    signature: Signature,
    half_life: float | None,
    wanted: Signature,
    wanted_half_life: HalfLife,
    place: str,
) -> None:
    """Check that stored events can be used as somebody wants them.

    Args:
        signature: Of the encoder of the events that are there.
        half_life: Of their sums.
        wanted: Of the encoder that will be used.
        wanted_half_life: The one that is asked for.
        place: Where they are, for the message.

    Raises:
        SpaceMismatch: The encoders differ.
        StoreError: The half-lives do.
    """
    if difference := signature.difference(wanted):
        raise SpaceMismatch(
            f"The events at {place} were encoded by another encoder; they differ in "
            f"{{field: (events, encoder)}} {difference}. Export them and import them anew."
        )
    if wanted_half_life not in ("stored", half_life):
        raise StoreError(
            f"The events at {place} are summed with half_life={half_life}, not {wanted_half_life}. "
            "Leave it out, or export them and import them into a new index."
        )
