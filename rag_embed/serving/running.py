"""Running the server for agents: over standard input and output, or over HTTP on this machine."""

from __future__ import annotations

from collections.abc import Callable

import anyio
from mcp.server.stdio import stdio_server

from rag_embed.serving.guard import App, Known, Meant
from rag_embed.serving.library import Library
from rag_embed.serving.listening import HOST, check_token, listen
from rag_embed.serving.mcp_server import server


def serve_stdio(library: Library) -> None:
    """Serve the program that started this one, over standard input and output, until it hangs up."""

    async def run() -> None:
        offered = server(library)
        async with stdio_server() as (reading, writing):
            await offered.run(reading, writing, offered.create_initialization_options())

    anyio.run(run)


def agents_application(library: Library, port: int, token: str) -> App:
    """An ASGI application that speaks the Model Context Protocol at ``/mcp``, for callers on this machine.

    Args:
        library: What its callers see.
        port: The port that it is reached at.
        token: What callers must send; at least 16 characters.

    Raises:
        BadInput: The token is too short to be one.
    """
    check_token(token)
    inner = server(library).streamable_http_app(host=HOST, json_response=True)
    return Meant(Known(inner, token), port)


def serve_http(library: Library, port: int, token: str, started: Callable[[str], None]) -> None:
    """Serve callers on this machine over streamable HTTP until the process is told to stop.

    Args:
        library: What its callers see.
        port: Port on 127.0.0.1; 0 takes a free one.
        token: What callers must send; at least 16 characters.
        started: Called with the address once it listens.

    Raises:
        BadInput: The token is too short to be one, or the port is taken.
    """
    check_token(token)

    def app(port: int) -> App:
        return agents_application(library, port, token)

    listen(app, port, started=lambda port: started(f"http://{HOST}:{port}/mcp"))
