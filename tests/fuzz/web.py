"""Requests over HTTP, given to the applications as a server gives them: every part may be almost right."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from fuzz.agents import MESSAGES, NEWEST
from fuzz.corpus import ASKED, FIELDS, SOURCES, TOKEN
from fuzz.door import Door
from mutating import garbled, mutated

from rag_embed import Index
from rag_embed.encoders import HashEncoder
from rag_embed.serving import Library, application
from rag_embed.serving.guard import App
from rag_embed.serving.running import agents_application
from rag_embed.serving.web.searching import WHERE

Call = tuple[str, bytes, bytes, list[tuple[bytes, bytes]], bytes]
"""Method, path, what stands behind its question mark, headers, body."""

RIGHT = [
    (b"host", b"127.0.0.1:8000"),
    (b"authorization", f"Bearer {TOKEN}".encode()),
    (b"content-type", b"application/json"),
    (b"accept", b"application/json, text/event-stream"),
]
BROWSER = [
    RIGHT[0],
    (b"accept", b"text/html,*/*;q=0.8"),
    (b"cookie", b'rag_embed_8000="x"; a=b; rag_embed_8000=' + b"0" * 64),
]
METHODS = ("POST", "GET", "HEAD", "PUT", "DELETE", "OPTIONS")
BODIES: dict[str, list[Any]] = {
    path: [{WHERE if k == "filters" else k: v for k, v in one.items()} for one in some]
    for path, some in ASKED.items()
} | {
    "search_many": [{"queries": ["a", "b"], "k": 2, "where": {"year": 2024}}],
    "delete": [{"ids": ["a", "b"], "collection": "handbook"}],
    "../x": [{"a": 1}],
}
FORMS = [
    b"q=leave&k=3&min=0.1&diversity=0.2&group=document&f.year.gte=2020&f.tags.eq=hr&ranking=dense",
    b"q=who&previous=a%0Ab&in=handbook&fresh=30&by=day&a.ranking=lexical&b.k=5&f.ok.eq=true",
    b"id=handbook%2Fleave.md&from=0&at=5-20&token=x",
]
NO_UTF8: tuple[Call, ...] = (
    ("DELETE", b"/document", b"id=\xed\xa0\x80", RIGHT, b""),
    ("GET", b"/document/", b"id=\xe2\n", RIGHT, b""),
)
PATHS = [b"/", b"/compare", b"/document", b"/health", b"/openapi.json", b"/metrics", b"/page.css"]


@contextmanager
def doors(index: Index) -> Iterator[dict[str, Door]]:
    loop = asyncio.new_event_loop()
    library = Library.of({"handbook": index})
    app = application(library, 8000, TOKEN)
    with lived(loop, agents_application(library, 8000, TOKEN)) as agents:
        yield {
            "http": Door(30, _posted, lambda given: ask(loop, app, given)),
            "http pages": Door(10, _looked_at, lambda given: ask(loop, app, given), NO_UTF8),
            "http lines": _added(loop),
            "http for agents": Door(12, _told, lambda given: ask(loop, agents, given)),
        }
    loop.close()


def ask(loop: asyncio.AbstractEventLoop, app: App, given: Call) -> bool:
    """Whether a call is answered by more than a refusal; there must be an answer, and no fault of ours."""
    status, body = loop.run_until_complete(_asked(app, given))
    assert status < 500, body
    assert not body or b"Traceback" not in body
    return status < 300


async def _asked(app: App, given: Call) -> tuple[int, bytes]:
    method, path, query, headers, body = given
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path.decode("utf-8", "replace"),
        "raw_path": path,
        "query_string": query,
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 9),
        "server": ("127.0.0.1", 8000),
        "state": {},
    }
    at = len(body) // 2
    coming = [
        {"type": "http.request", "body": body[:at], "more_body": True},
        {"type": "http.request", "body": body[at:], "more_body": False},
    ]
    told: list[Any] = []
    over = asyncio.Event()

    async def receive() -> Any:
        if coming:
            return coming.pop(0)
        await over.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        told.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            over.set()

    async with asyncio.timeout(60):
        await app(scope, receive, send)
    [start] = [one for one in told if one["type"] == "http.response.start"]
    return start["status"], b"".join(one.get("body", b"") for one in told)


@contextmanager
def lived(loop: asyncio.AbstractEventLoop, app: App) -> Iterator[App]:
    """An application that has been told that its server starts, and at the end that it stops."""
    said: asyncio.Queue[str] = asyncio.Queue()
    told: asyncio.Queue[str] = asyncio.Queue()

    async def receive() -> Any:
        return {"type": await said.get()}

    async def send(message: Any) -> None:
        await told.put(message["type"])

    task = loop.create_task(app({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send))
    for word in ("startup", "shutdown"):
        said.put_nowait(f"lifespan.{word}")
        assert loop.run_until_complete(told.get()) == f"lifespan.{word}.complete"
        if word == "startup":
            yield app
    loop.run_until_complete(task)


def _headers(chance: random.Random, right: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """As they should be, or one almost right, or once more, or none."""
    held = [*right]
    if chance.random() < 0.7:
        return held
    at = chance.randrange(len(held))
    name, value = held[at]
    strange = mutated(chance, [value]).replace(b"\r", b"").replace(b"\n", b"")
    new = [[(name, strange)], [(name, value), (name, strange)], []][chance.randrange(3)]
    held[at : at + 1] = new
    return held


def _body(chance: random.Random, right: list[Any]) -> bytes:
    """JSON with values that are almost right, or almost JSON, or right."""
    how = chance.random()
    if how < 0.3:
        return mutated(chance, [json.dumps(one).encode() for one in right])
    return json.dumps(garbled(chance, right) if how < 0.85 else chance.choice(right)).encode()


def _posted(chance: random.Random) -> Call:
    name = chance.choice(sorted(BODIES))
    body = _body(chance, BODIES[name])
    path = f"/api/{name}".encode()
    return "POST", path, b"", RIGHT if chance.random() < 0.8 else _headers(chance, RIGHT), body


def _looked_at(chance: random.Random) -> Call:
    path = chance.choice(PATHS)
    if chance.random() < 0.2:
        path = mutated(chance, PATHS)
    method = "GET" if chance.random() < 0.8 else chance.choice(METHODS)
    headers = _headers(chance, chance.choice((RIGHT, RIGHT, BROWSER)))
    return method, path, mutated(chance, FORMS), headers, b""


def _added(loop: asyncio.AbstractEventLoop) -> Door:
    """Documents a line each, to a server that writes; its index is made anew before it is large."""
    numbers, held = count(), list[App]()
    lines = [SOURCES[".jsonl"].encode(), b'{"id": "a#0-3", "text": "x", "readers": ["g"]}\n' * 3]

    def make(chance: random.Random) -> Call:
        kind = (b"content-type", b"application/jsonl")
        headers = _headers(chance, [*RIGHT[:2], kind, RIGHT[3]])
        query = b"" if chance.random() < 0.9 else mutated(chance, [b"collection=handbook"])
        return "POST", b"/api/add", query, headers, mutated(chance, lines)

    def take(given: Call) -> bool:
        if next(numbers) % 50 == 0:
            index = Index.in_memory(encoder=HashEncoder(16), fields=FIELDS, chunk_tokens=20)
            library = Library.of({"handbook": index})
            held[:] = [application(library, 8000, TOKEN, writes=True)]
        return ask(loop, held[0], given)

    return Door(4, make, take)


def _told(chance: random.Random) -> Call:
    """Of the newest protocol, whose requests stand alone, or of an older one."""
    one = chance.choice(MESSAGES)
    about = [(b"mcp-protocol-version", b"2025-06-18")]
    if isinstance(one, dict) and chance.random() < 0.6:
        named = str(one.get("params", {}).get("name", ""))
        about = [
            (b"mcp-protocol-version", NEWEST.encode()),
            (b"mcp-method", str(one.get("method", "")).encode()),
            (b"mcp-name", named.encode()),
        ]
    headers = _headers(chance, [*RIGHT, *about])
    body = _body(chance, [one])
    method = "POST" if chance.random() < 0.95 else chance.choice(METHODS)
    return method, b"/mcp", b"", headers, body
