"""``rag-embed serve``: indexes over HTTP, for programs and, on a page, for people."""

from __future__ import annotations

import os
import secrets
from typing import Annotated

import typer

from rag_embed.cli.asking import By, FreshDays, Groups, Rerank, User, Where
from rag_embed.cli.libraries import TOKEN, Kbs, library_of
from rag_embed.cli.show import err
from rag_embed.errors import BadInput, MissingExtra


def serve(
    kbs: Kbs,
    user: User = None,
    groups: Groups = None,
    where: Where = None,
    fresh: FreshDays = None,
    by: By = "",
    rerank: Rerank = None,
    write: Annotated[
        bool,
        typer.Option(
            "--write",
            help="Let callers add and delete documents too; they belong to --user, or are for each --group, "
            "or for everybody.",
        ),
    ] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8766,
    host: Annotated[
        str,
        typer.Option(
            help="Address to listen on; 0.0.0.0 for all, in a container or behind a proxy with TLS."
        ),
    ] = "127.0.0.1",
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[:PORT]",
            help="A further name by which callers reach the server, such as that of a proxy; repeat it.",
        ),
    ] = None,
) -> None:
    """Offer indexes over HTTP: JSON for programs, a page for people; without --write it only reads.

    Callers need the token in the environment variable RAG_EMBED_TOKEN, or one that is made and printed.
    Ctrl-C or SIGTERM stops it once the requests in flight are answered.
    """
    try:
        from rag_embed.serving.web import app
    except ImportError as error:
        raise MissingExtra(str(error.name), "serve", "The server") from error
    if write and where:
        raise BadInput(
            "--where shows a part of an index, and what is written may lie outside it; leave out --where "
            "or --write."
        )
    library = library_of(kbs, user, groups, where, fresh, by, rerank)
    given = os.environ.get(TOKEN)
    token = given or secrets.token_urlsafe(24)

    def started(port: int) -> None:
        shown = "127.0.0.1" if host in ("127.0.0.1", "0.0.0.0", "::", "::1") else host
        address = f"http://{shown}:{port}"
        mode = "reading and writing" if write else "reading"
        err.print(f"serving {', '.join(library.names)} ({mode}) at {address}", markup=False)
        if given is None:
            err.print(f"open {address}/?token={token}", markup=False, soft_wrap=True)
            err.print(f"programs send: Authorization: Bearer {token}", markup=False, soft_wrap=True)
        else:
            err.print(f"open {address} and enter the token in {TOKEN}", markup=False)
        err.print("stop with Ctrl-C", markup=False)

    app.serve(library, port, token, started, host=host, hosts=allow_host or (), writes=write)
    err.print("stopped")
