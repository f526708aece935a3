"""Indexes for agents: three tools that read (`search`, `read`, `list`), and a server that offers them.

What a caller sees is fixed by whoever starts the server: which indexes, which user's documents, which
part of them. No argument of a tool widens it, nothing is written, and what goes wrong is told in a
sentence that names no place of the machine.
"""

from typing import TYPE_CHECKING

from rag_embed.lazy import lazily
from rag_embed.serving.library import Library, Shelf
from rag_embed.serving.parameters import Refused
from rag_embed.serving.tool import Answer, Tool
from rag_embed.serving.tools import index_tools, tools

if TYPE_CHECKING:
    from rag_embed.serving.mcp_server import server
    from rag_embed.serving.running import serve_http, serve_stdio

_HOMES = {
    "serve_http": "serving.running",
    "serve_stdio": "serving.running",
    "server": "serving.mcp_server",
}

__all__ = [
    "Answer",
    "Library",
    "Refused",
    "Shelf",
    "Tool",
    "index_tools",
    "serve_http",
    "serve_stdio",
    "server",
    "tools",
]

__getattr__ = lazily(__name__, _HOMES)
