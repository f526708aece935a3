"""What parsers do to the process they run in."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

served = 0


def crash_on_the_second_file(path: str) -> Iterator[str]:
    global served
    served += 1
    if served > 1:
        os.abort()
    yield os.path.basename(path)


def crash_after_one(path: str) -> Iterator[int]:
    yield 1
    os.abort()


def waits_for_ever(path: str) -> Iterator[str]:
    yield from ()
    threading.Event().wait()


def missing(path: str) -> Iterator[str]:
    yield from ()
    raise FileNotFoundError(2, "No such file")


def print_something(path: str) -> Iterator[str]:
    print("printed")
    os.write(1, b"written")
    yield "said"


def interrupted(path: str) -> Iterator[str]:
    yield "before"
    os.kill(os.getpid(), signal.SIGINT)
    yield "after"


def whose(path: str) -> Iterator[int]:
    yield os.getpid()
