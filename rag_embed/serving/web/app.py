"""The application: what programs and people may ask, behind the checks of who asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from starlette.applications import Starlette

from rag_embed.serving.guard import App, Known, Meant
from rag_embed.serving.library import Library
from rag_embed.serving.listening import HOST, check_token, listen
from rag_embed.serving.page.sign_in import SignIn
from rag_embed.serving.page.views import PAGES, pages, sign_in
from rag_embed.serving.web.api import AT_ONCE, Threads, problems, routes
from rag_embed.serving.web.metrics import Metrics

_OPEN = ("/health", "/page.css", "/icon.svg")
"""What is told to whoever asks: nothing of the library."""

PATIENCE = 30
"""Seconds that requests in flight are given when the server is told to stop."""


def application(
    library: Library, port: int, token: str, *, hosts: Sequence[str] = (), writes: bool = False
) -> App:
    """An ASGI application that offers a library to programs and, on a page, to people.

    Args:
        library: What its callers see.
        port: The port that it is reached at.
        token: What callers must send; at least 16 characters.
        hosts: Further names by which it is reached, beside those of this machine.
        writes: Whether documents can be added and deleted; they belong to the library's user.

    Raises:
        BadInput: The token is too short to be one.
    """
    check_token(token)
    metrics, threads = Metrics(), Threads(AT_ONCE)
    offered = [*routes(library, metrics, threads, writes), *pages(library, threads)]
    paths = [route.path for route in offered]
    inner = Starlette(routes=offered, exception_handlers=problems(paths))
    inner.router.redirect_slashes = (
        False  # it reads the query as UTF-8, and fails where that is none
    )
    known = SignIn(Known(inner, token, open_to_all=_OPEN), port, token, sign_in, PAGES)
    return metrics.around(Meant(known, port, hosts), paths)


def serve(
    library: Library,
    port: int,
    token: str,
    started: Callable[[int], None],
    *,
    host: str = HOST,
    hosts: Sequence[str] = (),
    writes: bool = False,
) -> None:
    """Serve callers over HTTP until the process is told to stop; requests in flight are finished.

    Args:
        library: What its callers see.
        port: 0 takes a free one.
        token: What callers must send; at least 16 characters.
        started: Called with the port once it listens.
        host: Address that is listened on.
        hosts: Further names by which it is reached, beside those of this machine.
        writes: Whether documents can be added and deleted.

    Raises:
        BadInput: The token is too short to be one, or the port is taken.
    """
    check_token(token)

    def app(port: int) -> App:
        return application(library, port, token, hosts=hosts, writes=writes)

    listen(app, port, started=started, host=host, patience=PATIENCE)
