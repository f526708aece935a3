"""Runs a function in a process that is forked from this one."""

from __future__ import annotations

import multiprocessing
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import pytest

PATIENCE = 60
"""Seconds; only a process that hangs needs them."""


def forked(work: Callable[[], Any]) -> Any:
    """What the function returns, or raises, in a forked process; a test fails where that hangs."""
    here, there = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=_run, args=(work, there))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python warns of forks with threads, which is the point
        process.start()
    there.close()
    process.join(PATIENCE)
    if process.is_alive():
        process.kill()
        pytest.fail("The forked process hangs.")
    assert process.exitcode == 0
    found = here.recv()
    if isinstance(found, Exception):
        raise found
    return found


def _run(work: Callable[[], Any], there: Connection) -> None:
    try:
        there.send(work())
    except Exception as error:
        there.send(error)
