"""Writers of a local index take turns by file locks; whoever waits for long is told for whom."""

from __future__ import annotations

import json
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from rag_embed.stores.places import local
from rag_embed.stores.settling import latest, settle

_SILENT = 5.0
"""Seconds of waiting that nobody is told of."""

_TABLES = {"writing": ("chunks", "documents", "settings", "files"), "forgetting": ()}
"""What is written under a lock; that of a table has its name."""

_log = logging.getLogger(__name__)


def turn(uri: str, name: str = "writing") -> AbstractContextManager[None]:
    """Held while something in an index is written; object stores have no such lock.

    Args:
        uri: Of the index; see `places.place`.
        name: What is written.
    """
    folder = local(uri)
    return nullcontext() if folder is None or not folder.is_dir() else _held(folder, name)


def let_writer_finish(uri: str, name: str = "writing") -> None:
    """Wait for a writer, if there is one; who may not write here does not wait."""
    folder = local(uri)
    if folder is not None and (folder / f"{name}.lock").exists():
        with suppress(OSError), _held(folder, name):
            pass


def idle(uri: str, name: str) -> bool:
    """Whether nobody holds a lock; who may not write here cannot tell, and takes it so."""
    folder = local(uri)
    if folder is None or not (folder / f"{name}.lock").exists():
        return True
    try:
        with FileLock(folder / f"{name}.lock", timeout=0):
            return True
    except Timeout:
        return False
    except OSError:
        return True


def remove_traces(uri: str, name: str = "writing") -> None:
    """Remove the files of a lock, from a folder that is no index any more."""
    if (folder := local(uri)) is not None:
        for kind in ("lock", "holder"):
            (folder / f"{name}.{kind}").unlink(missing_ok=True)


@contextmanager
def _held(folder: Path, name: str) -> Iterator[None]:
    lock, note = FileLock(folder / f"{name}.lock"), folder / f"{name}.holder"
    try:
        lock.acquire(timeout=_SILENT)
    except Timeout:
        _log.warning("Waiting to write to '%s': %s.", folder, _told(note))
        lock.acquire()
    try:
        with suppress(OSError):  # the note informs and decides nothing
            note.write_text(json.dumps(_holder()), encoding="utf-8")
        before = latest(folder, _TABLES.get(name, (name,)))
        try:
            yield
        finally:  # what was written before an error is looked at too
            settle(before)
    finally:
        lock.release()


def _holder() -> dict[str, str | int]:
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    return {"process": os.getpid(), "host": socket.gethostname(), "since": now}


def _told(note: Path) -> str:
    """Who holds a lock, in words."""
    try:
        told = json.loads(note.read_text(encoding="utf-8"))
        process, host, since = told["process"], told["host"], told["since"]
    except (OSError, RecursionError, ValueError, KeyError, TypeError):
        return "another process is writing"
    own = (process, host) == (os.getpid(), socket.gethostname())
    which = "another thread of this process" if own else f"process {process} on {host}"
    return f"{which} has been writing since {since}"
