"""Who computes what is written: this process, others on this machine, or a cluster.

Whoever it is, one process reads, cuts and writes, in the order of the documents: ids, rows and commits are
those of a run without workers, and a run that was killed goes on when it is called again.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, TypeVar, runtime_checkable

from rag_embed.arguments import count
from rag_embed.errors import BadInput, MissingExtra, RagEmbedError
from rag_embed.indexing.computed import Encoders
from rag_embed.situated.space import kept_in
from rag_embed.types import ChunkRows, Cut

T = TypeVar("T")
Compute: TypeAlias = Callable[[Sequence[Cut]], Callable[[], ChunkRows]]
"""Begins to compute rows, and gives what waits for them."""

_RESTARTS = 3


@runtime_checkable
class Workers(Protocol):
    """Computes the rows of batches of documents, several at a time."""

    @property
    def ahead(self) -> int:
        """Batches that are computed while one is written."""
        ...

    def at_work(self, encoders: Encoders, /) -> AbstractContextManager[Compute]:
        """Ready to compute, until the context ends.

        Args:
            encoders: Of all spaces.

        Raises:
            BadInput: They cannot be sent to another process.
        """
        ...


@dataclass(frozen=True, slots=True)
class Alone:
    """This process computes."""

    ahead: int = 0

    def at_work(self, encoders: Encoders, /) -> AbstractContextManager[Compute]:
        """See `Workers`."""
        return nullcontext(lambda cuts: lambda: encoders.rows(cuts))


@dataclass(frozen=True, slots=True)
class Processes:
    """Processes on this machine, each with its share of the cores and a model of its own.

    Attributes:
        count: How many, >= 1.
    """

    count: int

    @property
    def ahead(self) -> int:
        """See `Workers`."""
        return self.count + 1

    @contextmanager
    def at_work(self, encoders: Encoders, /) -> Iterator[Compute]:
        """See `Workers`."""
        context = multiprocessing.get_context("spawn")
        turns = context.Value("i", 0)
        begun = (packed(encoders), turns, self.count)
        with ProcessPoolExecutor(self.count, context, _begin, begun) as pool:

            def begin(cuts: Sequence[Cut]) -> Callable[[], ChunkRows]:
                future = pool.submit(_computed, cuts)

                def finished() -> ChunkRows:
                    try:
                        return future.result()
                    except BrokenProcessPool as error:
                        raise RagEmbedError(
                            "A worker process ended before it was done: it may have run out of memory, or "
                            "the script lacks `if __name__ == '__main__':`, which every process that "
                            "starts others needs. What was committed stays; run it again with fewer."
                        ) from error

                return finished

            try:
                yield begin
            finally:
                pool.shutdown(cancel_futures=True)


@dataclass(frozen=True, slots=True)
class Ray:
    """Actors of a Ray cluster: that of ``RAY_ADDRESS`` or of `ray.init`, else one of this machine.

    Every machine needs this library, and the model where its name or path leads here.

    Attributes:
        count: How many, >= 1.
        cpus: Cores that each one takes.
        gpus: GPUs that each one takes.
    """

    count: int
    cpus: float = 1
    gpus: float = 0

    @property
    def ahead(self) -> int:
        """See `Workers`."""
        return self.count + 1

    @contextmanager
    def at_work(self, encoders: Encoders, /) -> Iterator[Compute]:
        """See `Workers`."""
        try:
            import ray
        except ImportError as error:
            raise MissingExtra("ray", "ray", "Computing on a cluster") from error
        own = not ray.is_initialized()
        if own:
            with warnings.catch_warnings():  # of forks, which run another program at once
                warnings.filterwarnings("ignore", message="lancedb fork support")
                ray.init(log_to_driver=False, include_dashboard=False, logging_level="ERROR")
        taken = {"num_cpus": self.cpus, "num_gpus": self.gpus}
        taken |= {"max_restarts": _RESTARTS, "max_task_retries": _RESTARTS}
        actor: Any = ray.remote(**taken)(_Actor)
        made = deque(actor.remote(packed(encoders)) for _ in range(self.count))

        def begin(cuts: Sequence[Cut]) -> Callable[[], ChunkRows]:
            made.rotate(-1)
            reference = made[0].computed.remote(cuts)
            return lambda: _got(ray, reference)

        try:
            yield begin
        finally:
            for one in made:
                ray.kill(one)
            if own:
                ray.shutdown()


def workers_of(given: int | Workers) -> Workers:
    """Who computes.

    Args:
        given: Processes on this machine; 1 is this one alone. Or `Workers`.

    Raises:
        BadInput: It is a number below 1.
    """
    if isinstance(given, Workers):
        return given
    try:
        processes = count("workers", given)
    except BadInput as error:
        raise BadInput(
            f"workers is a number of processes, >= 1, or Ray(...); got {given!r}."
        ) from error
    return Alone() if processes == 1 else Processes(processes)


def in_order(
    begin: Callable[[T], Callable[[], ChunkRows]], items: Iterable[T], ahead: int
) -> Iterator[tuple[T, ChunkRows]]:
    """Items with their rows, in order, while those of the next ones are computed.

    Args:
        begin: Begins to compute the rows of an item.
        items: Consumed lazily.
        ahead: How many are begun at most before the first of them is waited for.

    Examples:
        >>> rows = ChunkRows([], {})
        >>> [item for item, _ in in_order(lambda item: lambda: rows, "abc", ahead=2)]
        ['a', 'b', 'c']
    """
    begun: deque[tuple[T, Callable[[], ChunkRows]]] = deque()
    for item in items:
        begun.append((item, begin(item)))
        if len(begun) > ahead:
            first, finished = begun.popleft()
            yield first, finished()
    for first, finished in begun:
        yield first, finished()


def packed(encoders: Encoders) -> bytes:
    """Encoders for another process.

    Raises:
        BadInput: One of them lives in this process alone.
    """
    if files := [file for space in encoders.spaces.values() for file in kept_in(space)]:
        raise BadInput(
            f"Contexts that are written about documents are kept in {files[0]!r}, by one process; leave "
            "out workers."
        )
    return pickle.dumps(Encoders(dict(encoders.spaces), dict(encoders.sparse)))


def _got(ray: Any, reference: Any) -> ChunkRows:  # noqa: ANN401
    """What an actor computed, or the error that it raised, as this process would have."""
    try:
        rows: ChunkRows = ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise (error.cause or error) from None
    except ray.exceptions.RayActorError as error:
        raise RagEmbedError(
            f"A worker on Ray was lost ({error}). What was committed stays; run it again."
        ) from error
    return rows


class _Actor:
    """Computes in a process of a cluster."""

    def __init__(self, encoders: bytes) -> None:
        self._encoders: Encoders = pickle.loads(encoders)

    def computed(self, cuts: Sequence[Cut]) -> ChunkRows:
        return self._encoders.rows(cuts)


_here: dict[str, _Actor] = {}


def _begin(encoders: bytes, turns: Any, count: int) -> None:  # noqa: ANN401
    """Make a process a worker, which ends with the one that started it."""
    with turns.get_lock():
        turn, turns.value = turns.value, turns.value + 1
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[turn % len(cores) :: count] or cores)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    _here["actor"] = _Actor(encoders)


def _end_with(parent: Any) -> None:  # noqa: ANN401
    parent.join()
    os._exit(1)


def _computed(cuts: Sequence[Cut]) -> ChunkRows:
    return _here["actor"].computed(cuts)
