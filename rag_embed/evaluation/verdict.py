"""`Verdict`: the answer to "does it help on this corpus?", whatever was asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from rag_embed.maths.resampling import Difference

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Tried:
    """One candidate over all labels, for a table. Not what the decision rests on.

    Attributes:
        name: What was tried, in words.
        value: Its mean of the metric.
        gain: Its difference to the standard; None where only means were taken.
    """

    name: str
    value: float
    gain: Difference | None = None


@dataclass(frozen=True, slots=True)
class Verdict(Generic[T]):
    """What labels say of one change to an index; ``index.apply(verdict)`` makes it take effect.

    Attributes:
        name: What was asked: a key of `tuning.TUNERS`.
        value: What the index would use.
        gain: ``value`` less what the index uses without it, with its 95 % interval, on queries that
            share no answering document, or no user, with those that ``value`` was chosen on. None
            where there were too few labels.
        kept: Whether the gain is above chance: then `Index.apply` uses ``value``, and otherwise the
            standard.
        reason: The outcome in words for the owner, with its figures.
        tried: The candidates, best first.
        user: Whom it serves alone, and who asked the queries; None where it serves everybody.
        queries: Queries that the gain is measured on; 0 where it is none, or is measured in another way.
    """

    name: str
    value: T
    gain: Difference | None
    kept: bool
    reason: str
    tried: tuple[Tried, ...] = ()
    user: str | None = None
    queries: int = 0


def told(gain: Difference) -> str:
    """A gain with its interval, for a sentence.

    Examples:
        >>> told(Difference(0.0213, 0.004, 0.0391, 0.01))
        '+0.0213 (+0.0040 to +0.0391)'
    """
    return f"{gain.value:+.4f} ({gain.low:+.4f} to {gain.high:+.4f})"
