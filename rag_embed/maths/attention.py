"""Which part of a history a query is about, how sure that is, and how far it bends the query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from rag_embed.errors import BadInput
from rag_embed.maths.vectors import best, unit

Row = npt.NDArray[np.float32]
Row64 = npt.NDArray[np.float64]

_LARGEST = 700.0
"""``exp`` of more is no float."""


@dataclass(frozen=True, slots=True)
class Attention:
    """What an event's share depends on: ``w_i * f_kind * 2^(t_i / half_life) * exp(s_i / temperature)``.

    Attributes:
        temperature: > 0; infinity gives the weighted mean, small values the nearest event.
        half_life: Seconds after which an event counts half; ``None`` for no decay.
        kinds: Factor of each kind of event, >= 0; kinds that are not named have 1.

    Raises:
        BadInput: A value is out of range.
    """

    temperature: float = 0.05
    half_life: float | None = None
    kinds: Mapping[str, float] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if not self.temperature > 0 or (self.half_life is not None and not self.half_life > 0):
            raise BadInput(
                "temperature and half_life must be above 0, "
                f"got {self.temperature!r} and {self.half_life!r}."
            )
        if any(not factor >= 0 for factor in self.kinds.values()):
            raise BadInput(f"kinds maps kinds of events to factors >= 0, got {dict(self.kinds)}.")

    @property
    def ignored(self) -> frozenset[str]:
        """Kinds whose events have no share."""
        return frozenset(kind for kind, factor in self.kinds.items() if factor == 0)

    def weighted(self, weights: Row64, kinds: Sequence[str]) -> Row64:
        """``(n,)`` weights of events, each times the factor of its kind."""
        return weights * np.array([self.kinds.get(kind, 1.0) for kind in kinds], np.float64)

    def logits(
        self,
        similarities: npt.NDArray[np.floating],
        weights: npt.NDArray[np.floating],
        times: npt.NDArray[np.floating],
        newest: float,
    ) -> Row64:
        """``(n,)`` logarithms of the shares, up to one number for all.

        Args:
            similarities: ``(n,)`` cosines of the query with the keys.
            weights: ``(n,)`` >= 0, of which 0 gives minus infinity; see `weighted`.
            times: ``(n,)`` seconds.
            newest: The time that decay is counted from, in seconds.
        """
        with np.errstate(divide="ignore"):
            logits = np.log(np.asarray(weights, np.float64))
        logits += np.asarray(similarities, np.float64) / self.temperature
        if self.half_life is not None:
            logits += np.log(2.0) * (np.asarray(times, np.float64) - newest) / self.half_life
        return logits

    def beyond(self, logit: float, similarity: float, newest: float) -> tuple[float, float] | None:
        """Where events lie that have a greater logit than this, though no greater cosine.

        The bound is that of the threshold algorithm (Fagin, Lotem and Naor, 2001): what weight and age
        must add where the cosine adds no more than ``similarity``.

        Args:
            logit: To be exceeded; see `logits`.
            similarity: The largest cosine that they may have.
            newest: The time that decay is counted from; no event is newer.

        Returns:
            A weight and a time, in seconds: each of them has a greater weight or a later time.
            ``None`` when they can be anywhere.
        """
        lead = logit - similarity / self.temperature
        lead -= float(np.log(max(1.0, *self.kinds.values()) if self.kinds else 1.0))
        if lead >= 0:
            return float(np.exp(min(lead, _LARGEST))), float("inf")
        if self.half_life is None or lead == -float("inf"):
            return None
        return 1.0, newest + lead * self.half_life / float(np.log(2.0))


def attention(
    similarities: npt.NDArray[np.floating],
    weights: npt.NDArray[np.floating],
    times: npt.NDArray[np.floating],
    *,
    temperature: float,
    half_life: float | None = None,
    top: int | None = None,
) -> Row64:
    """Softmax over a history: ``a_i ~ w_i * 2^(t_i / half_life) * exp(s_i / temperature)``.

    Persona-Plug (2024), eq. 3, has temperature 1 and neither weights nor decay; on unit vectors that
    is nearly uniform. Only differences of times count, so that no clock is read.

    Args:
        similarities: ``(n,)`` cosines of the query with the keys.
        weights: ``(n,)`` >= 0; an event of weight 0 gets nothing.
        times: ``(n,)`` seconds.
        temperature: > 0; infinity gives the weighted mean, small values the nearest event.
        half_life: Seconds after which an event counts half; ``None`` for no decay.
        top: Only so many events with the largest share count; ``None`` for all.

    Returns:
        ``(n,)`` float64 that adds up to 1, or only zeros when no event has weight.

    Raises:
        BadInput: A parameter is out of range.

    Examples:
        >>> even = attention(np.zeros(2), np.array([3.0, 1.0]), np.zeros(2), temperature=0.1)
        >>> even.round(6).tolist()
        [0.75, 0.25]
    """
    made = Attention(temperature, half_life)
    if top is not None and top < 1:
        raise BadInput(f"top must be at least 1 or None, got {top!r}.")
    shares = np.zeros(len(similarities))
    some = np.flatnonzero(np.asarray(weights) > 0)
    if not some.size:
        return shares
    logits = made.logits(similarities, weights, times, float(np.max(times)))[some]
    if top is not None and top < some.size:
        kept = best([f"{i:012d}" for i in some], logits, top)
        some, logits = some[kept], logits[kept]
    exponentials = np.exp(logits - logits.max())
    shares[some] = exponentials / exponentials.sum()
    return shares


def shrunk(count: float, prior: float) -> float:
    """``n / (n + prior)``: how much of a profile of n events to believe; 0 for none.

    Examples:
        >>> shrunk(0, 10), shrunk(10, 10)
        (0.0, 0.5)
    """
    return count / (count + prior) if count > 0 else 0.0


def similar_gate(similarity: float, threshold: float, width: float) -> float:
    """``1 / (1 + exp(-(similarity - threshold) / width))``: is any event about this query?"""
    return float(0.5 * (1.0 + np.tanh(0.5 * (similarity - threshold) / width)))


def focus_gate(shares: Row64, count: int | None = None) -> float:
    """One minus the normalised entropy of the shares: 0 when uniform, 1 when one event has all.

    Args:
        shares: ``(n,)`` that add up to 1.
        count: Events that there were to choose from; those without a row in ``shares`` have none.
            ``None`` for ``n``.

    Examples:
        >>> focus_gate(np.array([0.25, 0.25, 0.25, 0.25])), focus_gate(np.array([0.0, 1.0]))
        (0.0, 1.0)
    """
    among = len(shares) if count is None else count
    if among < 2:
        return 1.0
    some = shares[shares > 0]
    entropy = -float(some @ np.log(some))
    return min(1.0, max(0.0, 1.0 - entropy / float(np.log(among))))


def bent(query: Row, profile: Row, strength: float) -> Row:
    """``unit(q + strength * profile)``; a negative strength moves away from what all events share.

    Args:
        query: ``(dim,)`` of length 1.
        profile: ``(dim,)`` of length 1.
        strength: 0 gives the very same array back.

    Examples:
        >>> bent(np.eye(1, 2, dtype=np.float32)[0], np.eye(1, 2, 1, np.float32)[0], 1.0).round(3).tolist()
        [0.7070000171661377, 0.7070000171661377]
    """
    if strength == 0:
        return query
    row: Row = unit((query + np.float32(strength) * profile)[None])[0]
    return row
