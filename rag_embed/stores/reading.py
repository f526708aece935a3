"""What a view looks up for each of some chunks, and for those who ask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from rag_embed.errors import BadInput
from rag_embed.maths.frequencies import Frequencies
from rag_embed.maths.moments import Moments
from rag_embed.stores.resident import Resident
from rag_embed.stores.roster import Mask, Rows
from rag_embed.types import Principal

T = TypeVar("T")
Sum = TypeVar("Sum", Moments, Frequencies)


def statistic(
    resident: Resident, known: Callable[[Principal | None, Mask], Sum], whom: Principal | None
) -> Sum:
    """Of chunks in memory: those for somebody that are not for everybody, or those that are."""
    with resident.roster.lock:
        return known(whom, resident.of(whom))


def known_places(resident: Resident, ids: Sequence[str]) -> Rows:
    """Where chunks are in memory.

    Raises:
        BadInput: One is not there.
    """
    places = resident.places(ids)
    _all_known([ids[i] for i in np.flatnonzero(places < 0).tolist()])
    return places


def each(ids: Sequence[str], find: Callable[[str], T | None]) -> list[T]:
    """What is found for each chunk.

    Raises:
        BadInput: One is not there.
    """
    found = [find(id) for id in ids]
    _all_known([id for id, one in zip(ids, found, strict=True) if one is None])
    return [one for one in found if one is not None]


def _all_known(missing: Sequence[str]) -> None:
    if missing:
        raise BadInput(f"Unknown chunk ids: {missing[:3]}.")
