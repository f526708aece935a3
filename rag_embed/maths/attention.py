"""Which part of a history a query is about, how sure that is, and how far it bends the query."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rag_embed.errors import BadInput
from rag_embed.maths.vectors import best, unit

Row = npt.NDArray[np.float32]
Row64 = npt.NDArray[np.float64]


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
    if not temperature > 0 or (half_life is not None and not half_life > 0):
        raise BadInput(
            f"temperature and half_life must be above 0, got {temperature!r} and {half_life!r}."
        )
    if top is not None and top < 1:
        raise BadInput(f"top must be at least 1 or None, got {top!r}.")
    shares = np.zeros(len(similarities))
    some = np.flatnonzero(np.asarray(weights) > 0)
    if not some.size:
        return shares
    logits = np.asarray(similarities, np.float64)[some] / temperature
    logits += np.log(np.asarray(weights, np.float64)[some])
    if half_life is not None:
        newest = float(np.max(times))
        logits += np.log(2.0) * (np.asarray(times, np.float64)[some] - newest) / half_life
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


def focus_gate(shares: Row64) -> float:
    """One minus the normalised entropy of the shares: 0 when uniform, 1 when one event has all.

    Examples:
        >>> focus_gate(np.array([0.25, 0.25, 0.25, 0.25])), focus_gate(np.array([0.0, 1.0]))
        (0.0, 1.0)
    """
    if len(shares) < 2:
        return 1.0
    some = shares[shares > 0]
    entropy = -float(some @ np.log(some))
    return min(1.0, max(0.0, 1.0 - entropy / float(np.log(len(shares)))))


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
