"""Messages of the Model Context Protocol, to the server as a program of its own."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from children import Child
from fuzz.corpus import ASKED
from fuzz.door import Door
from mutating import garbled, mutated

from rag_embed import Index
from rag_embed.encoders import HashEncoder

INITIALIZE = {
    "protocolVersion": "2025-06-18",
    "capabilities": {"roots": {"listChanged": True}},
    "clientInfo": {"name": "x", "version": "1"},
}
NEWEST = "2026-07-28"
ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": NEWEST,
    "io.modelcontextprotocol/clientInfo": {"name": "x", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
"""What a request says of itself where nothing was agreed on before."""


def message(method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}


CALLS = [
    message("tools/call", name=name, arguments=one) for name, some in ASKED.items() for one in some
]
OTHERS = [
    message("tools/list", cursor="x", _meta={"progressToken": 1}),
    message("ping"),
    message("initialize", **INITIALIZE),
    message("resources/read", uri="file:///etc/passwd"),
    message("prompts/get", name="x"),
    message("logging/setLevel", level="debug"),
    {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}},
    {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": 1}},
    {"jsonrpc": "2.0", "id": 7, "result": {"roots": []}},
    {"jsonrpc": "2.0", "id": 7, "error": {"code": -1, "message": "x"}},
]
MESSAGES: list[Any] = [*CALLS, *OTHERS, [*OTHERS[:2]]]
MESSAGES += [{**one, "params": {**one["params"], "_meta": ENVELOPE}} for one in CALLS]

INTERNAL = -32603
"""The code of an error of the server itself."""


@contextmanager
def doors(kb: str) -> Iterator[dict[str, Door]]:
    with Server(kb) as server:
        yield {"agents": Door(20, _line, server.lives)}


def _line(chance: random.Random) -> bytes:
    if chance.random() < 0.3:
        made = mutated(chance, [json.dumps(one).encode() for one in MESSAGES])
    else:
        made = json.dumps(garbled(chance, MESSAGES)).encode()
    return made.replace(b"\n", b" ").replace(b"\r", b" ")


def serve(kb: str) -> None:
    """What the program does."""
    from rag_embed.serving import Library
    from rag_embed.serving.running import serve_stdio

    serve_stdio(Library.of({"handbook": Index.open(kb, encoder=HashEncoder(16))}))


class Server:
    """The program, and a client that counts its questions."""

    def __init__(self, kb: str) -> None:
        self._program = Child(serve, kb)
        self._numbers = count()
        self._ask(message("initialize", **INITIALIZE))

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        for line in self._program.end().splitlines():
            _answer(line)
        assert self._program.process.exitcode == 0

    def lives(self, line: bytes) -> bool:
        """Whether a line is answered; whatever it is, the next question is answered too."""
        self._program.tell(line)
        return self._ask(message("ping"))

    def _ask(self, question: dict[str, Any]) -> bool:
        """Whether there were other answers before that of a question."""
        mine, others = f"mine {next(self._numbers)}", False
        self._program.tell(json.dumps({**question, "id": mine}))
        while line := self._program.line():
            one = _answer(line)
            if one.get("id") == mine:
                assert "result" in one, one
                return others
            others = True
        raise AssertionError("the server has ended")


def _answer(line: str) -> dict[str, Any]:
    """What the server says: a result, or an error that the protocol knows."""
    one: dict[str, Any] = json.loads(line)
    assert one["jsonrpc"] == "2.0" and ("result" in one) != ("error" in one), one
    assert one.get("error", {}).get("code") != INTERNAL, one
    return one
