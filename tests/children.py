"""Functions in processes of their own, which are forked from one that has imported what they need.

A new Python imports LanceDB for seconds; what asks about a fresh process, or about the shell, starts one.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection

READY = multiprocessing.get_context("forkserver" if hasattr(os, "fork") else "spawn")
READY.set_forkserver_preload(
    [
        *("rag_embed.index", "rag_embed.indexing", "rag_embed.stores.lance", "rag_embed.cli"),
        *("rag_embed.encoders.openvino", "rag_embed.serving.running", "rag_embed.serving.web.app"),
    ]
)


class Child:
    """A function at work: what it prints is read here, what it reads is told here."""

    def __init__(self, work: Callable[..., object], *given: object) -> None:
        (self._out, said), (heard, self._in) = (READY.Pipe(duplex=False) for _ in range(2))
        self.process = READY.Process(target=_run, args=(heard, said, work, given), daemon=True)
        self.process.start()
        heard.close()
        said.close()
        self._said = os.fdopen(self._out.fileno(), closefd=False)

    def line(self) -> str:
        """The next line that it prints; nothing where it has ended."""
        return self._said.readline().rstrip("\n")

    def tell(self, line: str | bytes = "") -> None:
        content = line if isinstance(line, bytes) else line.encode()
        os.write(self._in.fileno(), content + b"\n")

    def kill(self) -> str:
        """What it had still printed; it may have ended before."""
        self.process.kill()
        return self.end()

    def end(self) -> str:
        """What it still prints until its end, when nothing more is told to it."""
        self._in.close()
        with self._said, self._out:
            rest = self._said.read()
        self.process.join()
        return rest


def _run(heard: Connection, said: Connection, work: Callable[..., object], given: tuple) -> None:
    sys.stdin = os.fdopen(heard.fileno(), closefd=False)
    sys.stdout = os.fdopen(said.fileno(), "w", buffering=1, closefd=False)
    try:
        work(*given)
    except Exception:
        traceback.print_exc(file=sys.stdout)
        raise SystemExit(1) from None
