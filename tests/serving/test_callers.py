"""Callers that are still there when a server stops, that hang up, and that fall silent."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from threading import Event

import anyio
import httpx2
import pytest
from serving.listening import RIGHT, serving

from rag_embed import Index
from rag_embed.indexing.reported import AddReport
from rag_embed.serving import Library
from rag_embed.serving.web import writing


def listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def test_requests_in_flight_are_finished(notes) -> None:
    """A body is on its way when the server is told to stop: it is read to its end, and answered."""
    stopped = Event()

    def body() -> Iterator[bytes]:
        yield b'{"id": "first", "text": "Before the signal."}\n'
        while (
            "rag_embed_requests_in_flight 2.0"
            not in httpx2.get(
                f"{server.address}/metrics", headers=RIGHT, verify=False
            ).text.splitlines()
        ):
            time.sleep(0.05)
        server.process.terminate()
        port = int(server.address.rpartition(":")[2])
        while listens(port):
            time.sleep(0.05)
        stopped.set()
        yield b'{"id": "second", "text": "After the signal."}\n'

    with serving(notes, "--write") as server:
        got = server.client.post(
            "/api/add", content=body(), headers={"content-type": "application/jsonl"}
        )
        assert stopped.is_set() and json.loads(got.text.splitlines()[-1])["added"] == 2
        server.process.join(60)
        assert server.process.exitcode == 0
    assert Index.open(notes).contents.document("second").text == "After the signal."


def test_a_caller_that_hangs_up_is_no_error(notes) -> None:
    def body() -> Iterator[bytes]:
        yield b'{"id": "cut", "text": "Cut'
        raise ConnectionAbortedError

    with serving(notes, "--write") as server:
        with pytest.raises(ConnectionAbortedError):
            server.client.post(
                "/api/add", content=body(), headers={"content-type": "application/jsonl"}
            )
        assert server.post("search", {"query": "news"}).status_code == 200
    assert Index.open(notes).contents.document("cut") is None


def test_a_caller_that_falls_silent_holds_nobody_up(notes, monkeypatch) -> None:
    """Its connection may have died unnoticed."""
    monkeypatch.setattr(writing, "SILENCE", 0.2)
    [shelf] = Library.of({"notes": Index.open(notes)}).shelves
    reports: list[AddReport] = []
    lines: list[bytes] = []

    async def both() -> None:
        limit = anyio.CapacityLimiter(1)
        parts = [b'{"id": "first", "text": "First."}\n']

        async def part() -> dict[str, object]:
            if not parts:
                await anyio.sleep_forever()
            return {"type": "http.request", "body": parts.pop(), "more_body": True}

        async def whole() -> dict[str, object]:
            return {"type": "http.request", "body": b'{"id": "next", "text": "Next."}'}

        async def send(message) -> None:
            lines.append(message.get("body", b""))

        async with anyio.create_task_group() as group:
            for receive in (part, whole):
                group.start_soon(writing.Adding(shelf, limit, reports.append), {}, receive, send)

    anyio.run(both)
    said = b"".join(lines).decode()
    assert "Nothing came for 0.2 seconds. Of what came before it, the last may not be kept" in said
    assert [report.added for report in reports] == [1]
    assert shelf.ids() == ["next", "old"]


STOPPED_AT_ONCE = """
import signal
from rag_embed.serving.listening import listen

async def nobody_asks(scope, receive, send):
    assert scope["type"] == "lifespan"

listen(lambda port: nobody_asks, 0, started=lambda port: signal.raise_signal(signal.SIGTERM))
print("stopped")
"""


def test_told_to_stop_before_it_listens_it_stops() -> None:
    run = [sys.executable, "-c", STOPPED_AT_ONCE]
    done = subprocess.run(run, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "stopped\n"), done.stderr
