"""LanceDB in forked processes: refused where it would crash or hang.

Once a process has used LanceDB, a fork of it cannot: locks of the library below lead to threads that the
fork does not have. Of 25 forked processes that opened an index anew, 9 to 24 crashed.
"""

from __future__ import annotations

from rag_embed.errors import StoreError
from rag_embed.processes import forks

_used_in: set[int] = set()


def used() -> None:
    """Note that this process uses LanceDB."""
    _used_in.add(forks())


def check_usable(action: str) -> None:
    """Refuse to use LanceDB in a fork of a process that used it.

    Raises:
        StoreError: This is such a process.
    """
    if any(before < forks() for before in _used_in):
        raise StoreError(
            f"Could not {action}: this process was forked from one that had opened an index, and "
            "LanceDB cannot run in such a fork. Start processes with "
            "multiprocessing.get_context('spawn') or 'forkserver'; or open the index in each of them "
            "and not before the fork (gunicorn: without preload_app; Celery: in "
            "worker_process_init)."
        )
