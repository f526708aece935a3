"""Running the server for agents: over standard input and output, or over HTTP on this machine."""

from __future__ import annotations

import socket
from collections.abc import Callable

import anyio
import uvicorn
from mcp.server.stdio import stdio_server

from rag_embed.errors import BadInput
from rag_embed.serving.guard import Guard
from rag_embed.serving.library import Library
from rag_embed.serving.mcp_server import server

HOST = "127.0.0.1"


def serve_stdio(library: Library) -> None:
    """Serve the program that started this one, over standard input and output, until it hangs up."""

    async def run() -> None:
        offered = server(library)
        async with stdio_server() as (reading, writing):
            await offered.run(reading, writing, offered.create_initialization_options())

    anyio.run(run)


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
    if len(token) < 16 or not token.isascii() or any(mark.isspace() for mark in token):
        raise BadInput(
            f"A token is 16 or more ASCII characters without spaces, got {len(token)} characters. Set "
            "RAG_EMBED_TOKEN to one, or leave it out: then one is made and printed."
        )
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    with listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, port))
        except (OSError, OverflowError) as error:
            raise BadInput(f"Cannot listen on port {port}: {error}. Name another.") from error
        listening.listen()
        port = listening.getsockname()[1]
        app = server(library).streamable_http_app(host=HOST, json_response=True)
        guarded = Guard(app, port, token)
        started(f"http://{HOST}:{port}/mcp")
        uvicorn.Server(
            uvicorn.Config(
                guarded,
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=10,
            )
        ).run(sockets=[listening])
