"""``rag-embed mcp``: indexes as tools for agents."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rag_embed.cli.asking import User, Where
from rag_embed.cli.conditions import parsed
from rag_embed.cli.show import err
from rag_embed.errors import BadInput, MissingExtra
from rag_embed.index import Index

if TYPE_CHECKING:
    from rag_embed.serving import Library

_TOKEN = "RAG_EMBED_TOKEN"


def mcp(
    kbs: Annotated[
        list[str],
        typer.Argument(
            metavar="KB...", help="Folders or URIs of indexes; NAME=KB gives one another name."
        ),
    ],
    user: User = None,
    where: Where = None,
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
    library = _library(kbs, user, where)
    if not http:
        if sys.stdin.isatty():
            err.print("serving over standard input and output: a client starts this by itself")
        running.serve_stdio(library)
        return
    token = os.environ.get(_TOKEN)
    made = None if token else secrets.token_urlsafe(24)

    def started(address: str) -> None:
        err.print(f"serving {', '.join(library.names)} at {address}", markup=False)
        if made is not None:
            err.print(f"Authorization: Bearer {made}", markup=False, soft_wrap=True)

    running.serve_http(library, port, token or made or "", started)


def _library(kbs: list[str], user: str | None, where: list[str] | None) -> Library:
    """The indexes by name, each within the conditions.

    Raises:
        BadInput: Two have one name, or a condition does not fit an index.
    """
    from rag_embed.serving import Library

    places: dict[str, str] = {}
    for kb in kbs:
        name, place = _named(kb)
        if name in places:
            raise BadInput(f"Two indexes are called {name!r}; name one of them: NAME={place}")
        places[name] = place
    library = Library.of({name: Index.open(place) for name, place in places.items()}, user=user)
    conditions = {
        shelf.name: parsed(where or [], shelf.index.store.fields) for shelf in library.shelves
    }
    return library.narrowed(conditions)


def _named(kb: str) -> tuple[str, str]:
    """Name and place of an index: ``NAME=PLACE``, or a place, whose last part is the name."""
    name, equals, place = kb.partition("=")
    if equals and place and not {"/", "\\", ":"} & set(name) and not Path(kb).exists():
        return name, place
    if "://" not in kb:
        return Path(kb).resolve().name, kb
    return kb.rstrip("/").rpartition("/")[2], kb
