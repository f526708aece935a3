"""`Route`: how much each leg counts for one query, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Near:
    """A pilot near a query.

    Attributes:
        text: The pilot query.
        similarity: Cosine of the two.
        expert: What served the pilot best; empty where several did equally well.
        source: The collection it comes from.
    """

    text: str
    similarity: float
    expert: str
    source: str


@dataclass(frozen=True, slots=True)
class Route:
    """What a router decided for one query.

    Attributes:
        weights: Weight of each leg by name; a leg that is not named counts nothing.
        confidence: In [0, 1]: how much the pilots, and not the default mixture, decided.
        pilots: The nearest ones, nearest first.
        scores: Each expert's score, where the router chose one of them.
    """

    weights: Mapping[str, float] = field(hash=False)
    confidence: float
    pilots: tuple[Near, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict, hash=False)

    @property
    def explained(self) -> dict[str, Any]:
        """All of it for a JSON document."""
        return asdict(self)
