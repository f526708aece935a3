"""Indexes for agents, programs and people: tools that search and read, a server for each of these.

What a caller sees is fixed by whoever starts the server: which indexes, which user's documents, which
part of them. No argument widens it, nothing is written unless the server was told to, and what goes wrong is
told in a sentence that names no place of the machine.
"""

from typing import TYPE_CHECKING

from rag_embed.lazy import lazily
from rag_embed.serving.library import Library, Rerank, Shelf
from rag_embed.serving.parameters import Refused
from rag_embed.serving.tool import Answer, Tool
from rag_embed.serving.tools import index_tools, tools

if TYPE_CHECKING:
    from rag_embed.serving.mcp_server import server
    from rag_embed.serving.running import serve_http, serve_stdio
    from rag_embed.serving.web.app import application, serve

_HOMES = {
    "application": "serving.web.app",
    "serve": "serving.web.app",
    "serve_http": "serving.running",
    "serve_stdio": "serving.running",
    "server": "serving.mcp_server",
}

__all__ = [
    "Answer",
    "Library",
    "Refused",
    "Rerank",
    "Shelf",
    "Tool",
    "application",
    "index_tools",
    "serve",
    "serve_http",
    "serve_stdio",
    "server",
    "tools",
]

__getattr__ = lazily(__name__, _HOMES)
