"""Who may talk to a server on this machine: only callers that know the token, and no page of a browser."""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


class Guard:
    """An ASGI application in front of another one.

    A request must be meant for this machine by its Host (a page of the web that lets its own name point
    here is refused: DNS rebinding), come from no other origin than the server itself, and bear the token.

    Args:
        app: What is guarded.
        port: The port that is listened on.
        token: What callers send as ``Authorization: Bearer ...``.
    """

    def __init__(self, app: App, port: int, token: str) -> None:
        self._app = app
        self._hosts = {f"{name}:{port}".encode() for name in ("127.0.0.1", "localhost", "[::1]")}
        self._origins = {b"http://" + host for host in self._hosts}
        self._token = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close"})  # before it was accepted: 403
            return
        refused = self._refused(scope["headers"])
        if refused is None:
            await self._app(scope, receive, send)
            return
        status, reason = refused
        body = json.dumps({"error": reason}).encode()
        headers = [(b"content-type", b"application/json"), (b"www-authenticate", b"Bearer")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _refused(self, headers: list[tuple[bytes, bytes]]) -> tuple[int, str] | None:
        hosts = [value for name, value in headers if name == b"host"]
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            return 421, "This server answers on 127.0.0.1 only."
        if any(value not in self._origins for name, value in headers if name == b"origin"):
            return 403, "Pages of other origins are not served."
        sent = [value for name, value in headers if name == b"authorization"]
        if len(sent) != 1 or not hmac.compare_digest(sent[0], self._token):
            return 401, "Send the token of the server as: Authorization: Bearer TOKEN."
        return None
