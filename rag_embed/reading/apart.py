"""A process beside this one in which the parsers of others run: what a file may take has bounds.

A few kB of a PDF can name a page that takes long a thousand times, a few kB of a spreadsheet become
gigabytes, and either may crash the parser. There it ends that process, and the file is reported.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from rag_embed.errors import BadInput
from rag_embed.processes import PerProcess

SECONDS = 300
"""Of the processor for a file."""

PATIENCE = 4
"""Times as long may pass by the clock, so that a parser that waits for ever ends too."""

MEMORY = 2 << 30
"""Bytes that the process may hold. Linux keeps such a bound, Windows and macOS do not."""

_START = """
import signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
sys.path[:] = sys.argv[1:]
from rag_embed.reading.apart import serve
serve()
"""
"""Imports from where this process does, never from the folder that it happens to be in. Ctrl-C reaches all
processes of a terminal: this one decides what comes of it, and no file is to blame."""


def gathered(
    function: Callable[..., Iterator[Any]], path: Path, *others: str | int
) -> tuple[list[Any], str]:
    """What a function yields for a file, as far as it came, and why it ended before it was done.

    Args:
        function: Of a module, given the file's path; what it yields can be written as JSON. The message of
            a `BadInput` that it raises is the reason.
        path: The file.
        *others: What else the function is given.

    Returns:
        The items, and the reason; ``""`` when it was done.
    """
    named = [function.__module__, function.__name__, os.path.abspath(path)]
    return _BESIDE.get().gathered([*named, *others])


class _Beside:
    """One process, which is made when it is first needed and again after it was ended."""

    def __init__(self) -> None:
        self._one_file = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._owner = os.getpid()

    def gathered(self, request: list[str | int]) -> tuple[list[Any], str]:
        with self._one_file:
            fresh = self._process is None
            found, reason, again = self._asked(request)
            # what files before it have left in memory is not this one's fault
            return self._asked(request)[:2] if again and not fresh else (found, reason)

    def _asked(self, request: list[str | int]) -> tuple[list[Any], str, bool]:
        """As `gathered`, and whether a fresh process may come further."""
        process = self._process = self._process or _started()
        assert process.stdin and process.stdout
        timer = threading.Timer(SECONDS * PATIENCE, process.kill)
        timer.start()
        items: list[Any] = []
        done = False
        try:
            process.stdin.write(json.dumps([SECONDS, MEMORY, *request]) + "\n")
            process.stdin.flush()
            for line in process.stdout:
                kind, content = json.loads(line)
                if kind == "end":
                    done = True
                    return items, content, False
                items.append(content)
        except (BrokenPipeError, ValueError):  # ended before it could be asked, or within a line
            pass
        finally:
            late = not timer.is_alive()
            timer.cancel()
            if not done:
                self.close()
        if late or process.returncode == -getattr(signal, "SIGXCPU", 0):
            return (
                items,
                f"took more than {SECONDS} seconds of the processor; split the file",
                False,
            )
        reason = (
            f"crashed its parser, or took more than {MEMORY >> 20} MB of memory; split the file"
        )
        return items, reason, True

    def close(self) -> None:
        """End the process; one that a fork inherited is not its own."""
        process, self._process = self._process, None
        if process and self._owner == os.getpid():
            process.kill()
            for stream in (process.stdin, process.stdout):
                if stream:
                    stream.close()
            process.wait()


def _started() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-I", "-c", _START, *filter(None, sys.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
    )


def _made() -> _Beside:
    beside = _Beside()
    atexit.register(beside.close)
    return beside


_BESIDE = PerProcess(_made)


def serve() -> None:
    """What the process does: a request a line, its items a line each, then the reason why it ended."""
    said = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a parser prints is no answer

    def say(kind: str, content: object) -> None:
        said.write(json.dumps([kind, content]) + "\n")
        said.flush()

    for line in sys.stdin:
        seconds, memory, module, name, *given = json.loads(line)
        _bound(seconds, memory)
        reason = ""
        try:
            for item in getattr(import_module(module), name)(*given):
                say("item", item)
        except MemoryError:
            os.abort()  # as parsers do that are not written in Python
        except BadInput as error:
            reason = str(error)
        except OSError as error:
            reason = f"cannot be read: {error.strerror or error}"
        except Exception as error:  # a parser raises whatever a broken file leads it to
            reason = f"broken: {type(error).__name__}"
        say("end", reason)


def _bound(seconds: int, memory: int) -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    for kind, limit in (
        (resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + seconds),
        (resource.RLIMIT_DATA, memory),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        allowed = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (allowed, hard))
