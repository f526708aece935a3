"""Threads that write to a store in memory take turns."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from threading import RLock
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from rag_embed.processes import PerProcess


class _Taking(Protocol):
    _turn: PerProcess[RLock]


S = TypeVar("S", bound=_Taking)
P = ParamSpec("P")
R = TypeVar("R")


def one_at_a_time(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """Two threads that write would each keep what was there, and what they bring, but not the other's."""

    @wraps(method)
    def waiting(store: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with store._turn.get():
            return method(store, *args, **kwargs)

    return waiting
