"""Who may talk to a server: only callers that know the token, and no page of a browser from elsewhere."""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any, TypeAlias

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class Meant:
    """An ASGI application in front of another one: requests that are meant for this server alone pass.

    Its Host must be one of the server's (a page of the web that lets its own name point here is refused:
    DNS rebinding), and it must come from no other origin than the server itself.

    Args:
        app: What is guarded.
        port: The port that is listened on.
        hosts: Further names, with their port if it is not the usual one, by which a proxy or a published
            port is reached.
    """

    def __init__(self, app: App, port: int, hosts: Collection[str] = ()) -> None:
        self._app = app
        own = {f"{name}:{port}".encode() for name in LOOPBACK}
        others = {name.lower().encode() for name in hosts}
        self._hosts = own | others
        self._origins = {b"http://" + host for host in self._hosts}
        self._origins |= {b"https://" + host for host in others}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close"})  # before it was accepted: 403
        elif not self._is_host(all_of(scope, b"host")):
            await refuse(send, 421, "This server does not answer by that name, only on 127.0.0.1.")
        elif any(one not in self._origins for one in all_of(scope, b"origin")):
            await refuse(send, 403, "Pages of other origins are not served.")
        else:
            await self._app(scope, receive, send)

    def _is_host(self, given: list[bytes]) -> bool:
        return len(given) == 1 and given[0].lower() in self._hosts


class Known:
    """An ASGI application in front of another one: callers that bear the token pass.

    Args:
        app: What is guarded.
        token: What callers send as ``Authorization: Bearer ...``.
        open_to_all: Paths that ask for none.
    """

    def __init__(self, app: App, token: str, open_to_all: Collection[str] = ()) -> None:
        self._app = app
        self._token = bearer(token)
        self._open = frozenset(open_to_all)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        sent = all_of(scope, b"authorization") if scope["type"] == "http" else [self._token]
        known = len(sent) == 1 and hmac.compare_digest(sent[0], self._token)
        if known or scope.get("path") in self._open:
            await self._app(scope, receive, send)
        else:
            await refuse(send, 401, "Send the token of the server as: Authorization: Bearer TOKEN.")


def bearer(token: str) -> bytes:
    """The header that bears a token."""
    return f"Bearer {token}".encode()


def all_of(scope: Scope, name: bytes) -> list[bytes]:
    """All values of a header, whose name is in lower case."""
    return [value for header, value in scope["headers"] if header == name]


async def refuse(send: Send, status: int, reason: str) -> None:
    """Answer a request with an error."""
    body = json.dumps({"error": reason}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
