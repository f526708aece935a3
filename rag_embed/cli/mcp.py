"""``rag-embed mcp``: indexes as tools for agents."""

from __future__ import annotations

import os
import secrets
import sys
from typing import Annotated

import typer

from rag_embed.cli.asking import By, FreshDays, Groups, Rerank, User, Where
from rag_embed.cli.libraries import TOKEN, Kbs, library_of
from rag_embed.cli.show import err
from rag_embed.errors import MissingExtra


def mcp(
    kbs: Kbs,
    user: User = None,
    groups: Groups = None,
    where: Where = None,
    fresh: FreshDays = None,
    by: By = "",
    rerank: Rerank = None,
    http: Annotated[
        bool,
        typer.Option(
            "--http",
            help="Listen on 127.0.0.1 instead of standard input and output. Callers need the token in "
            "the environment variable RAG_EMBED_TOKEN, or one that is made and printed.",
        ),
    ] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port for --http; 0 takes a free one.")
    ] = 8765,
) -> None:
    """Offer indexes to agents as tools, over the Model Context Protocol; nothing can be written."""
    try:
        from rag_embed.serving import running
    except ImportError as error:
        raise MissingExtra("mcp", "mcp", "The server for agents") from error
    library = library_of(kbs, user, groups, where, fresh, by, rerank)
    if not http:
        if sys.stdin.isatty():
            err.print("serving over standard input and output: a client starts this by itself")
        running.serve_stdio(library)
        return
    token = os.environ.get(TOKEN)
    made = None if token else secrets.token_urlsafe(24)

    def started(address: str) -> None:
        err.print(f"serving {', '.join(library.names)} at {address}", markup=False)
        if made is not None:
            err.print(f"Authorization: Bearer {made}", markup=False, soft_wrap=True)

    running.serve_http(library, port, token or made or "", started)
