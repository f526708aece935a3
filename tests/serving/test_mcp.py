"""The server, asked by the SDK's own client: in the process, as a program, and over HTTP."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from serving.listening import TOKEN, listening

from rag_embed import Index
from rag_embed.cli import main
from rag_embed.errors import BadInput
from rag_embed.serving import Library, serve_http, server
from rag_embed.serving.tool import FAILED

ENV = {name: os.environ[name] for name in ("PYTHONPATH", "HF_HUB_OFFLINE") if name in os.environ}
RUN = "import sys; from rag_embed.cli import main; sys.argv[0] = 'rag-embed'; main()"


def program(*words: str) -> Client:
    run = StdioServerParameters(command=sys.executable, args=["-c", RUN, "mcp", *words], env=ENV)
    return Client(run, read_timeout_seconds=120)


@asynccontextmanager
async def calling(address: str, token: str = TOKEN) -> AsyncIterator[Client]:
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=120) as http,
        Client(streamable_http_client(address, http_client=http)) as client,
    ):
        yield client


async def everything(client: Client) -> None:
    """What any client may do, over any transport."""
    listed = (await client.list_tools()).tools
    assert [tool.name for tool in listed] == ["search", "read", "list"]
    assert all(tool.annotations.read_only_hint for tool in listed)
    assert "year" in listed[0].input_schema["properties"]["filters"]["properties"]

    found = await client.call_tool("search", {"query": "how long may parents stay away?"})
    [first, *_] = found.structured_content["passages"]
    assert not found.is_error and "fourteen months" in first["text"]
    assert found.content[0].text.startswith(f"[1] {first['id']}")
    around = await client.call_tool("read", {"id": first["id"], "show": "section"})
    assert "## Parents" in around.structured_content["text"]
    assert (await client.call_tool("list")).structured_content["collections"][0]["documents"] == 3

    for given in ({"query": 7}, {"query": "x", "k": 10**18}, {"query": "x", "user": "ann"}, {}):
        wrong = await client.call_tool("search", given)
        assert wrong.is_error and wrong.structured_content is None
        assert wrong.content[0].text != FAILED and "/" not in wrong.content[0].text
    private = await client.call_tool("read", {"id": "ann/pay"})
    assert private.is_error and "Zanzibar" not in private.content[0].text
    with pytest.raises(MCPError, match="There is no such tool; there are search, read, list"):
        await client.call_tool("delete", {"id": "handbook/leave.md"})


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_in_this_process(handbook, mode) -> None:
    library = Library.of({"handbook": Index.open(handbook)})
    async with Client(server(library), mode=mode) as client:
        assert client.server_info.name == "rag-embed" and "handbook" in client.instructions
        await everything(client)


async def test_over_standard_input_and_output(handbook) -> None:
    async with program(handbook) as client:
        await everything(client)


async def test_what_a_host_fixes_over_standard_input_and_output(handbook, foxes) -> None:
    async with program(f"work={handbook}", foxes, "--user", "ann") as client:
        pay = await client.call_tool("search", {"query": "where does Ann live?"})
        assert pay.structured_content["passages"][0]["collection"] == "work"
        assert "Zanzibar" in pay.content[0].text
        assert (await client.call_tool("read", {"id": "bob/pay"})).is_error
    async with program(handbook, "--where", "year=2024") as client:
        [row] = (await client.call_tool("list")).structured_content["collections"]
        assert row["documents"] == 1


async def test_over_http(handbook) -> None:
    with listening("mcp", "--http", handbook) as (address, _):
        async with calling(address) as client:
            await everything(client)
        with pytest.raises(Exception, match="TaskGroup|error response"):
            async with calling(address, "another-token-of-letters") as client:
                await client.list_tools()
        await refusals(address)


async def refusals(address: str) -> None:
    port = re.search(r":(\d+)/", address)[1]
    right = {"authorization": f"Bearer {TOKEN}"}
    ask = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    hostile = [
        (401, {}),
        (401, {"authorization": TOKEN}),
        (401, {"authorization": "Bearer x"}),
        (421, {**right, "host": "evil.example"}),
        (421, {**right, "host": f"127.0.0.1.evil.example:{port}"}),
        (421, {**right, "host": "127.0.0.1"}),
        (403, {**right, "origin": "http://evil.example"}),
        (403, {**right, "origin": "null"}),
        (403, {**right, "origin": f"http://127.0.0.1:{port}.evil.example"}),
    ]
    async with httpx2.AsyncClient(timeout=60) as http:
        for status, headers in hostile:
            for method in ("POST", "GET", "DELETE", "OPTIONS"):
                got = await http.request(method, address, headers=headers, json=ask)
                assert got.status_code == status, (method, headers)
                assert "access-control-allow-origin" not in got.headers
        broken = await http.post(address, headers=right, content=b"{" * 1000)
        assert broken.status_code in (400, 406, 415) and "Traceback" not in broken.text
        large = await http.post(address, headers=right, content=b" " * (5 << 20))
        assert large.status_code == 413
        upgrade = {"connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13"}
        upgrade["sec-websocket-key"] = "dGhlIHNhbXBsZSBub25jZQ=="
        for headers in (upgrade, upgrade | right):
            assert (await http.get(address, headers=headers)).status_code == 403
        other = await http.get(address.replace("/mcp", "/etc/passwd"), headers=right)
        assert other.status_code == 404


def test_what_cannot_be_served_is_told_at_once(handbook, tmp_path, monkeypatch, capsys) -> None:
    wrong = {
        (str(tmp_path / "none"),): "no index",
        (handbook, handbook): "Two indexes are called 'handbook'",
        (handbook, "--where", "colour=red"): "'colour'",
        (f"a b={handbook}",): "needs a name of letters",
    }
    for words, said in wrong.items():
        monkeypatch.setattr(sys, "argv", ["rag-embed", "mcp", *words])
        with pytest.raises(SystemExit) as stop:
            main()
        out, told = capsys.readouterr()
        assert stop.value.code == 1 and said in " ".join(told.split()), told
        assert "Traceback" not in told and out == ""


def test_a_weak_token_or_a_taken_port(handbook) -> None:
    library = Library.of({"handbook": Index.open(handbook)})
    for token in ("", "short", "a b c d e f g h i j", "ä" * 20):
        with pytest.raises(BadInput, match="16 or more ASCII characters"):
            serve_http(library, 0, token, lambda _: None)
    with (
        listening("mcp", "--http", handbook) as (address, _),
        pytest.raises(BadInput, match="Name another"),
    ):
        serve_http(library, int(re.search(r":(\d+)/", address)[1]), TOKEN, lambda _: None)


def test_the_token_that_the_guide_writes_is_taken(handbook) -> None:
    class Listens(Exception):
        pass

    def started(address: str) -> None:
        raise Listens

    guide = (Path(__file__).parents[2] / "docs" / "agents.md").read_text()
    [written] = set(re.findall(r"(?:RAG_EMBED_TOKEN=|Bearer )([\w-]+)", guide))
    with pytest.raises(Listens):
        serve_http(Library.of({"handbook": Index.open(handbook)}), 0, written, started)
    with pytest.raises(BadInput, match="got 4 characters. Set RAG_EMBED_TOKEN"):
        serve_http(Library.of({"handbook": Index.open(handbook)}), 0, "tiny", started)
