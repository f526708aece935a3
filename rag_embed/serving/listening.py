"""Listening on a port until the process is told to stop."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from rag_embed.errors import BadInput
from rag_embed.serving.guard import App

HOST = "127.0.0.1"


def check_token(token: str) -> str:
    """A token that is hard enough to guess.

    Raises:
        BadInput: It is too short to be one.
    """
    if len(token) < 16 or not token.isascii() or any(mark.isspace() for mark in token):
        raise BadInput(
            f"A token is 16 or more ASCII characters without spaces, got {len(token)} characters. Set "
            "RAG_EMBED_TOKEN to one, or leave it out: then one is made and printed."
        )
    return token


def listen(
    app: Callable[[int], App],
    port: int,
    *,
    started: Callable[[int], None],
    host: str = HOST,
    patience: int = 10,
) -> None:
    """Serve an application until the process is told to stop; requests in flight are finished.

    Args:
        app: Makes the application when the port is known.
        port: 0 takes a free one.
        started: Called with the port once it listens.
        host: Address that is listened on.
        patience: Seconds that requests in flight are given.

    Raises:
        BadInput: The port is taken, or the address is none of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
        except (OSError, OverflowError) as error:
            raise BadInput(f"Cannot listen on port {port}: {error}. Name another.") from error
        listening.listen()
        port = listening.getsockname()[1]
        config = uvicorn.Config(
            app(port),
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=patience,
        )
        server = uvicorn.Server(config)
        with _stopped_by_signals(server):
            started(port)
            server.run(sockets=[listening])


@contextmanager
def _stopped_by_signals(server: uvicorn.Server) -> Iterator[None]:
    """Let signals stop the server alone, from before it listens to them itself.

    Uvicorn sends the signal that stopped it to the process again, when it is through.
    """

    def stop(*_: object) -> None:
        server.should_exit = True

    main = threading.current_thread() is threading.main_thread()  # no other may take signals
    told = (signal.SIGINT, signal.SIGTERM) if main else ()
    before = [signal.signal(one, stop) for one in told]
    try:
        yield
    finally:
        for one, handler in zip(told, before, strict=True):
            signal.signal(one, handler)
