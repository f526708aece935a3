"""The command line, ``rag-embed``: one module per group of commands.

Commands parse and print; the work is done by `rag_embed.Index` and `rag_embed.evaluation`.

Exit codes: 0 done, 1 failed (the message says why), 2 wrong usage, 3 nothing found,
4 done but something was skipped (with ``--strict``), 5 trained but not installed, being no better.
"""

from __future__ import annotations

import importlib.metadata
import logging
import sys
from typing import Annotated

import typer

from rag_embed.cli import (
    demo,
    doctor,
    documents,
    evaluate,
    experts,
    extend,
    index,
    mcp,
    personal,
    search,
    train,
    tune,
)
from rag_embed.cli.demo import language_reference
from rag_embed.cli.show import complain
from rag_embed.errors import RagEmbedError

__all__ = ["app", "language_reference", "main"]

app = typer.Typer(
    name="rag-embed",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"rag-embed {importlib.metadata.version('rag-embed')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Documents in, a better hybrid retriever out."""


app.command("index")(index.index)
app.command("search")(search.search)
app.command("ask-why")(search.ask_why)
app.command("show")(documents.show)
app.command("delete")(documents.delete)
app.command("eval")(evaluate.evaluate)
app.command("remember")(personal.remember)
app.command("forget")(personal.forget)
app.command("profile")(personal.profile)
app.command("extend")(extend.extend)
app.command("tune")(tune.tune)
app.command("doctor")(doctor.doctor)
app.command("mcp")(mcp.mcp)
app.command("demo")(demo.demo)
app.add_typer(experts.app, name="experts")
app.command("train-expert")(train.train_expert)
app.command("train-situated")(train.train_situated)


def main() -> None:
    """Entry point of ``rag-embed``."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        app()
    except RagEmbedError as error:
        complain(str(error))
        sys.exit(1)
    except OSError as error:  # a page or report that cannot be written
        complain(f"{error.strerror or error}: {error.filename}" if error.filename else str(error))
        sys.exit(1)
