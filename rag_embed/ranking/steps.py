"""The steps of a search, timed where somebody watches; where nobody does, nothing is kept and no clock read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal, TypeVar

T = TypeVar("T")

Kind = Literal["ask", "find", "score", "look"]


@dataclass(frozen=True, slots=True)
class Step:
    """What a leg or second stage was asked to do for a batch of queries.

    Attributes:
        leg: Its name.
        what: ``"ask"`` is made ready, which encodes the queries; ``"find"`` proposes chunks;
            ``"score"`` scores what the others proposed; ``"look"`` is a second look at the best.
        began: When, in nanoseconds since 1970.
        seconds: How long it took.
        candidates: Chunks that it proposed or scored, of all queries.
    """

    leg: str
    what: Kind
    began: int
    seconds: float
    candidates: int


_watching: ContextVar[list[Step] | None] = ContextVar("rag_embed_steps", default=None)


@contextmanager
def watched() -> Iterator[list[Step]]:
    """Gathers the steps of what is searched meanwhile, in this thread or task.

    Examples:
        >>> with watched() as steps:
        ...     found = timed("dense", "find", lambda: [1, 2], len)
        >>> [(one.leg, one.what, one.candidates) for one in steps]
        [('dense', 'find', 2)]
    """
    steps: list[Step] = []
    before = _watching.set(steps)
    try:
        yield steps
    finally:
        _watching.reset(before)


def timed(leg: str, what: Kind, do: Callable[[], T], counted: Callable[[T], int]) -> T:
    """Do it, and note how long it took if somebody watches.

    Args:
        leg: Who does it.
        what: What is done.
        do: Does it.
        counted: Candidates in what it gives.
    """
    steps = _watching.get()
    if steps is None:
        return do()
    began, clock = time.time_ns(), time.perf_counter()
    result = do()
    steps.append(Step(leg, what, began, time.perf_counter() - clock, counted(result)))
    return result


def none(_: object) -> int:
    """Candidates of a step that makes ready."""
    return 0
