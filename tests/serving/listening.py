"""Commands as programs of their own, for tests of both doors."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess

import httpx2
from children import Child

TOKEN = "a-token-of-sixteen-letters"
RIGHT = {"authorization": f"Bearer {TOKEN}"}


def command(*words: str) -> None:
    """`rag-embed`, all that it prints in one stream."""
    from rag_embed.cli import main

    os.environ["RAG_EMBED_TOKEN"] = TOKEN
    sys.argv, sys.stderr = ["rag-embed", *words], sys.stdout
    main()


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        address: ``http://127.0.0.1:PORT``.
        process: Its process.
        client: Bears the token.
    """

    address: str
    process: BaseProcess
    client: httpx2.Client

    def post(self, path: str, given: object) -> httpx2.Response:
        return self.client.post(f"/api/{path}", json=given)


@contextmanager
def listening(*words: str, last: str = "") -> Iterator[tuple[str, BaseProcess]]:
    """Address and process of a command, which must stop by itself when told and have logged no error.

    Args:
        words: Of the command.
        last: What it says in the end.
    """
    child = Child(command, *words, "--port", "0")
    line = child.line()
    found = re.search(r"http://[\d.]+:\d+(/mcp)?", line)
    try:
        assert found, line
        yield found[0], child.process
    finally:
        child.process.terminate()
        rest = child.end()
    assert child.process.exitcode == 0 and rest.endswith(last), rest
    assert "Traceback" not in rest and "ERROR" not in rest, rest


@contextmanager
def serving(*words: str) -> Iterator[Server]:
    """`rag-embed serve`."""
    with (
        listening("serve", *words, last="stopped\n") as (address, process),
        httpx2.Client(base_url=address, headers=RIGHT, timeout=120, verify=False) as client,
    ):
        yield Server(address, process, client)
