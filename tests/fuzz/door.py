"""Where almost right inputs come in, and what counts as a fault there."""

from __future__ import annotations

import os
import random
import signal
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rag_embed import RagEmbedError

FUZZ = int(os.environ.get("FUZZ", "1000"))
SEED = os.environ.get("SEED", "0")
SECONDS = 20
"""Of the processor, for one input at most."""


@dataclass(frozen=True)
class Door:
    """Where inputs come in.

    Attributes:
        share: How many of a thousand inputs, by what one costs.
        make: An input.
        take: Takes it, and says False where it refuses; what it raises must be an error of ours.
        found: Inputs that once led to something else than an error of ours.
    """

    share: float
    make: Callable[[random.Random], Any]
    take: Callable[[Any], object]
    found: tuple[Any, ...] = ()

    def inputs(self, name: str) -> Iterator[Any]:
        """What once was found, and as many new ones as its share is, made of their number and the seed."""
        yield from self.found
        for n in range(max(10, round(FUZZ * self.share / 1000))):
            yield self.make(random.Random(f"{SEED} {name} {n}"))


@dataclass
class Tried:
    """What came of many inputs.

    Attributes:
        count: How many there were.
        taken: How many were not refused.
        seconds: Of the processor, for all.
        slowest: Of the processor, for one.
        faults: Kind of a fault -> the first input that led to it, so that it can be kept.
    """

    count: int = 0
    taken: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    faults: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        rate = self.count / max(self.seconds, 1e-9)
        said = f"{self.count} inputs, {self.taken} taken, {rate:.0f} a second"
        return f"{said}, slowest {self.slowest:.2f} s"


def tried(door: Door, inputs: Iterable[Any]) -> Tried:
    """Give a door all of some inputs."""
    told = Tried()
    for given in inputs:
        before = time.process_time()
        try:
            with bounded():
                told.taken += door.take(given) is not False
        except RagEmbedError:
            pass
        except Exception as error:
            told.faults.setdefault(_kind(error), f"{error} of {given!r}"[:3000])
        took = time.process_time() - before
        told.count += 1
        told.seconds += took
        told.slowest = max(told.slowest, took)
    return told


def _kind(error: Exception) -> str:
    """What was raised and where; the same for all inputs that one fault is the cause of."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"


@contextmanager
def bounded() -> Iterator[None]:
    """Ends what takes too long."""

    def too_long(*_: object) -> None:
        raise TimeoutError(f"{SECONDS} s of the processor")

    before = signal.signal(signal.SIGPROF, too_long)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def said(content: bytes) -> str:
    return content.decode("utf-8", "replace")
