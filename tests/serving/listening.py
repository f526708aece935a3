"""A server as a program of its own, for tests of both doors."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2

RUN = "import sys; from rag_embed.cli import main; sys.argv[0] = 'rag-embed'; main()"
TOKEN = "a-token-of-sixteen-letters"
RIGHT = {"authorization": f"Bearer {TOKEN}"}


def command(*words: str) -> list[str]:
    return [sys.executable, "-c", RUN, *words]


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        address: ``http://127.0.0.1:PORT``.
        process: Its process.
        client: Bears the token.
    """

    address: str
    process: subprocess.Popen[str]
    client: httpx2.Client

    def post(self, path: str, given: object) -> httpx2.Response:
        return self.client.post(f"/api/{path}", json=given)


@contextmanager
def serving(*words: str) -> Iterator[Server]:
    """`rag-embed serve`, which must stop by itself when told and have logged no error."""
    env = {**os.environ, "RAG_EMBED_TOKEN": TOKEN}
    process = subprocess.Popen(
        command("serve", "--port", "0", *words), stderr=subprocess.PIPE, text=True, env=env
    )
    try:
        line = process.stderr.readline()
        address = re.search(r"http://[\d.]+:\d+", line)[0]
        with httpx2.Client(base_url=address, headers=RIGHT, timeout=120, verify=False) as client:
            yield Server(address, process, client)
    finally:
        process.terminate()
        rest = process.communicate(timeout=60)[1]
    assert process.returncode == 0 and rest.endswith("stopped\n"), rest
    assert "Traceback" not in rest and "ERROR" not in rest, rest
