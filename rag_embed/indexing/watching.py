"""Keeping an index up to date with folders while they change (extra ``watch``)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event
from typing import Protocol, TypedDict

from typing_extensions import Unpack

from rag_embed.errors import MissingExtra
from rag_embed.indexing.folders import Looking
from rag_embed.indexing.reported import AddReport
from rag_embed.paths import absolute, is_index
from rag_embed.reading import paths as files_of


class Chosen(TypedDict):
    """Which files are looked at; see `rag_embed.reading.paths`."""

    include: Sequence[str] | None
    exclude: Sequence[str] | None
    ignore_files: bool


class Fed(Protocol):
    """What of an index is needed: `Index.add_files`."""

    def add_files(self, *paths: str | os.PathLike[str], **looking: Unpack[Looking]) -> AddReport:
        """See `Index.add_files`."""
        ...


def watch(
    index: Fed,
    *paths: str | os.PathLike[str],
    settle: float = 1.0,
    stop: Event | None = None,
    **looking: Unpack[Looking],
) -> Iterator[AddReport]:
    """Add files and folders, and then whatever changes in them, for as long as one asks for reports.

    Changes that come together are taken together, once there was none for a moment; a file that an editor
    replaces by another one is replaced. A document whose file is gone is deleted, unless it has an owner
    or the folder itself is gone, which may only be out of reach.

    Args:
        index: The index.
        *paths: Files and folders.
        settle: Seconds without a change after which what has changed is read.
        stop: Ends the iterator when it is set.
        **looking: As in `Index.add_files`; ``prune`` and ``allow_empty`` are about the first run.

    Yields:
        The report of the first run, then one for each time that something was changed.

    Raises:
        MissingExtra: watchfiles is not installed.
        BadInput: As `Index.add_files`.

    Examples:
        >>> import tempfile, threading
        >>> from rag_embed import Index
        >>> from rag_embed.encoders import HashEncoder
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "a.txt").write_text("The fox is red.")
        >>> stop = threading.Event()
        >>> for report in watch(Index.in_memory(encoder=HashEncoder()), folder, stop=stop):
        ...     print(report.added)
        ...     stop.set()
        1
    """
    try:
        import watchfiles
    except ImportError as error:
        raise MissingExtra("watchfiles", "watch", "Watching folders") from error

    user = looking.get("user")
    later: Looking = {**looking, "name": None, "prune": user is None, "allow_empty": user is None}
    chosen: Chosen = {
        "include": looking.get("include"),
        "exclude": looking.get("exclude"),
        "ignore_files": looking.get("ignore_files", True),
    }
    seen = watchfiles.watch(
        *(absolute(path) for path in paths),
        watch_filter=None,
        debounce=60_000,
        step=max(1, int(settle * 1000)),
        stop_event=stop,
        raise_interrupt=True,
        yield_on_timeout=True,
        rust_timeout=200,
    )
    next(seen, None)  # what changes from here on is seen
    yield index.add_files(*paths, **looking)
    for changes in seen:
        changed = {path for _, path in changes}
        if not changed or not all(os.path.lexists(absolute(path)) for path in paths):
            continue
        there = {absolute(one) for one in files_of(paths, **chosen)}
        some = sorted(path for path in changed if path in there or _may_be_gone(path, paths))
        if some:
            report = index.add_files(*some, **later)
            if report.added or report.replaced or report.deleted or report.failed:
                yield report


def _may_be_gone(path: str, tops: Sequence[str | os.PathLike[str]]) -> bool:
    """Whether a document may have come from a path that is not there; an index in the folder is none."""
    if os.path.lexists(path):
        return False
    for above in Path(path).parents:
        if any(str(above) == absolute(top) for top in tops):
            return True
        if above.name.startswith(".") or is_index(above):
            return False
    return any(path == absolute(top) for top in tops)
