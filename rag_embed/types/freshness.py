"""How much newer documents count before older ones."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta

from rag_embed.arguments import is_number
from rag_embed.errors import BadInput

MOST = 0.25
"""The largest `Fresh.strength`."""


@dataclass(frozen=True, slots=True)
class Fresh:
    """A prior for what is new: a document dated ``t`` days ago gets ``strength * 0.5 ** (t / half_life)``.

    It is added to the fused score, as a share of what the legs weigh together. So it is a margin: what is
    new passes what is old only where their evidence differs by less than ``strength``, however old
    the one and new the other. Relevance stays as it is. Without a date a document gets nothing, with one
    that is still to come as much as today's.

    Attributes:
        half_life: Days after which a date counts half, > 0.
        by: The declared ``date`` or ``datetime`` field; empty for the only one of the index.
        strength: What a document of today gets, > 0 and at most `MOST`. With legs that weigh 1 together,
            the best lexical hit of the default mixture has 0.5.

    Raises:
        BadInput: A number is out of range, or ``by`` no name.

    Examples:
        >>> Fresh(30, "date").label
        'half-life 30 days by date, strength 0.1'
    """

    half_life: float
    by: str = ""
    strength: float = 0.1

    def __post_init__(self) -> None:
        object.__setattr__(self, "half_life", days("Fresh.half_life", self.half_life))
        if not self.half_life:
            raise BadInput("Fresh.half_life must be more than 0 days; leave freshness out instead.")
        if not is_number(self.strength) or not 0.0 < float(self.strength) <= MOST:
            raise BadInput(
                f"Fresh.strength must be above 0 and at most {MOST}, got {self.strength!r}: more would "
                "let what is new pass what answers."
            )
        if not isinstance(self.by, str):
            raise BadInput(f"Fresh.by is the name of a field, got {self.by!r}.")

    @property
    def label(self) -> str:
        """All of it in a few words."""
        by = f" by {self.by}" if self.by else ""
        return f"half-life {self.half_life:g} days{by}, strength {self.strength:g}"


def days(what: str, given: object) -> float:
    """A span of time as days.

    Args:
        what: Its name, for the message.
        given: A `datetime.timedelta`, or a number of days.

    Raises:
        BadInput: It is neither, below 0, or without end.

    Examples:
        >>> days("fresh", timedelta(hours=12)), days("fresh", 30)
        (0.5, 30.0)
    """
    number = given / timedelta(days=1) if isinstance(given, timedelta) else given
    if not is_number(number) or not 0.0 <= float(number) < math.inf:  # type: ignore[arg-type]
        raise BadInput(f"{what} is a number of days >= 0 or a timedelta, got {given!r}.")
    return float(number)  # type: ignore[arg-type]
