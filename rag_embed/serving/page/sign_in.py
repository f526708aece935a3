"""How a browser shows that it knows the token: once by an address, then by a cookie of its own."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Collection
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, quote, urlencode

from rag_embed.serving.guard import App, Receive, Scope, Send, all_of, bearer
from rag_embed.serving.page.rendering import HEADERS

_MONTH = 30 * 24 * 3600


class SignIn:
    """An ASGI application in front of one that asks for the token.

    An address with ``token=`` that is right is answered by a cookie and the same address without it. The
    cookie lets requests through that only read (GET and HEAD), and holds not the token but what only who
    knows the token can make of it: servers at other ports of this machine are sent it too.

    Args:
        app: What asks for the token.
        port: Names the cookie: one machine may have several servers.
        token: The token.
        ask: Makes the page that asks for it.
        pages: Paths at which it is asked for.
    """

    def __init__(
        self,
        app: App,
        port: int,
        token: str,
        ask: Callable[[bool], bytes],
        pages: Collection[str],
    ) -> None:
        self._app = app
        self._token = token
        self._name = f"rag_embed_{port}"
        self._value = hmac.digest(token.encode(), b"rag_embed page", "sha256").hex()
        self._ask = ask
        self._pages = frozenset(pages)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a browser in, or ask it for the token."""
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        asked = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        tokens = [value for name, value in asked if name == "token"]
        if tokens and hmac.compare_digest(tokens[0].strip().encode(), self._token.encode()):
            rest = urlencode([one for one in asked if one[0] != "token"])
            await self._let_in(send, quote(scope["path"]) + (f"?{rest}" if rest else ""))
        elif self._knows(scope):
            headers = [one for one in scope["headers"] if one[0] != b"authorization"]
            known = [*headers, (b"authorization", bearer(self._token))]
            await self._app({**scope, "headers": known}, receive, send)
        elif not all_of(scope, b"authorization") and self._is_page(scope):
            await _page(send, self._ask(bool(tokens)))
        else:
            await self._app(scope, receive, send)

    def _knows(self, scope: Scope) -> bool:
        try:
            cookies = SimpleCookie(b"; ".join(all_of(scope, b"cookie")).decode("latin-1"))
        except CookieError:
            return False
        sent = cookies[self._name].value if self._name in cookies else ""
        return hmac.compare_digest(sent.encode(), self._value.encode())

    def _is_page(self, scope: Scope) -> bool:
        accepted = any(b"text/html" in value for value in all_of(scope, b"accept"))
        return accepted and scope["path"] in self._pages

    async def _let_in(self, send: Send, to: str) -> None:
        rules = f"Path=/; Max-Age={_MONTH}; HttpOnly; SameSite=Strict"
        location = to if to.startswith("/") and not to.startswith("//") else "/"
        headers = [
            (b"location", location.encode()),
            (b"set-cookie", f"{self._name}={self._value}; {rules}".encode()),
            (b"cache-control", b"no-store"),
            (b"referrer-policy", b"no-referrer"),
            (b"content-length", b"0"),
        ]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


async def _page(send: Send, body: bytes) -> None:
    headers = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
    headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": 401, "headers": headers})
    await send({"type": "http.response.body", "body": body})
