"""What an index did, and who is told of it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial, wraps
from threading import Lock
from typing import Any, Concatenate, Literal, ParamSpec, Protocol, TypeVar

from rag_embed.errors import BadInput
from rag_embed.indexing.reported import AddReport
from rag_embed.protocols import Retriever, Store
from rag_embed.ranking.steps import Step, watched
from rag_embed.types import Hit, Query

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S", bound="_Stored")

What = Literal["search", "add", "delete", "forget"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Observation:
    """One thing that an index did.

    Attributes:
        what: What it did; ``"add"`` stands for `Index.add_files` and `Index.sync` too.
        index: The last part of the index's folder or URI; ``""`` of an index in memory.
        began: When, in nanoseconds since 1970.
        seconds: How long it took.
        counts: How much it was: of a search ``queries`` and ``hits``, of `add` the counts of its report,
            of `delete` and `forget` what is ``gone``.
        error: The name of the exception's class that ended it; None when it went well.
        queries: What was asked, of a search. Private text: pass it on only if your users know.
        hits: What was found for each of them. Private text too.
        steps: What legs and second stages did for it, of a search, in order.
    """

    what: What
    index: str
    began: int
    seconds: float
    counts: Mapping[str, int] = field(default_factory=dict)
    error: str | None = None
    queries: Sequence[Query] = ()
    hits: Sequence[Sequence[Hit]] = ()
    steps: Sequence[Step] = ()


class Observer(Protocol):
    """Is told what indexes of this process did. Implementations: `Log`, `OpenTelemetry`."""

    def __call__(self, seen: Observation, /) -> None:
        """Take one in, quickly: the caller waits. What it raises is logged and disturbs nobody."""
        ...


_observers: tuple[Observer, ...] = ()
_changing = Lock()


def observe(observer: Observer) -> Callable[[], None]:
    """Tell an observer from now on what all indexes of this process do; call the result to end it.

    A process that is forked observes as its parent does, one that is spawned has to be told again.

    Raises:
        BadInput: It is no observer.

    Examples:
        >>> from rag_embed import Document, Index
        >>> from rag_embed.encoders import HashEncoder
        >>> index, seen = Index.in_memory(encoder=HashEncoder()), []
        >>> stop = observe(seen.append)
        >>> report = index.add(Document("a", "The fox is red."))
        >>> hits = index.search("red foxes")
        >>> stop()
        >>> [(one.what, dict(one.counts)) for one in seen][1]
        ('search', {'queries': 1, 'hits': 1})
    """
    global _observers
    if not callable(observer):
        raise BadInput(f"observe() takes a function of one Observation, got {observer!r}.")
    own = partial(observer)  # one that is given twice is told twice, until each was stopped
    with _changing:
        _observers = (*_observers, own)

    def stop() -> None:
        global _observers
        with _changing:
            _observers = tuple(one for one in _observers if one is not own)

    return stop


@dataclass(frozen=True, slots=True)
class Observed:
    """A retriever whose searches are observed: what `Index.retriever` is.

    Attributes:
        retriever: What finds.
        store: Store of the index it finds in.
    """

    retriever: Retriever
    store: Store

    def retrieve(self, queries: Sequence[Query], /) -> list[list[Hit]]:
        """See `Retriever`."""
        asked = partial(self.retriever.retrieve, queries)
        return _told("search", self.store, asked, _found, queries)


class _Stored(Protocol):
    @property
    def store(self) -> Store: ...


def observed(
    what: What, counted: Callable[[R], Mapping[str, int]]
) -> Callable[[Callable[Concatenate[S, P], R]], Callable[Concatenate[S, P], R]]:
    """A method of an index that writes, with its calls observed.

    Args:
        what: What it does.
        counted: How much that was, of what it returns: `written` or `gone`.
    """

    def decorated(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
        @wraps(method)
        def observing(index: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
            called = partial(method, index, *args, **kwargs)
            return _told(what, index.store, called, lambda result: {"counts": counted(result)})

        return observing

    return decorated


def written(report: AddReport) -> dict[str, int]:
    """Counts of a report; of a dry run, how much it would change."""
    if report.planned:
        return {"planned": len(report.planned)}
    return {
        "added": report.added,
        "replaced": report.replaced,
        "unchanged": report.unchanged,
        "deleted": report.deleted,
        "chunks": report.chunks,
        "skipped": len(report.skipped),
    }


def gone(number: int) -> dict[str, int]:
    """Count of what was erased."""
    return {"gone": number}


def _found(hits: Sequence[Sequence[Hit]]) -> dict[str, Any]:
    return {"counts": {"queries": len(hits), "hits": sum(map(len, hits))}, "hits": hits}


def _told(
    what: What,
    store: Store,
    do: Callable[[], R],
    known: Callable[[R], Mapping[str, Any]],
    queries: Sequence[Query] = (),
) -> R:
    """Do it, and tell the observers of it or of the exception that ended it."""
    if not _observers:
        return do()
    seen = partial(Observation, what, _name(store), time.time_ns(), queries=queries)
    clock = time.perf_counter()
    with watched() as steps:
        try:
            result = do()
        except BaseException as error:
            took = time.perf_counter() - clock
            _tell(seen(seconds=took, error=type(error).__name__, steps=steps))
            raise
        took = time.perf_counter() - clock
    _tell(seen(seconds=took, steps=steps, **known(result)))
    return result


def _tell(seen: Observation) -> None:
    for observer in _observers:
        try:
            observer(seen)
        except Exception:
            _log.warning(
                "The observer %r failed; it is told of what follows.", observer, exc_info=True
            )


def _name(store: Store) -> str:
    """The last part of its place, without what a URI says behind a question mark or before an @."""
    scheme, _, rest = str(getattr(store, "uri", "")).partition("?")[0].rpartition("://")
    last = rest.replace("\\", "/").rstrip("/").rpartition("/")[2]
    return last.rpartition("@")[2] if scheme and rest.startswith(last) else last
