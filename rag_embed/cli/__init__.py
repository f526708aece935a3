"""The command line, ``rag-embed``: one module per group of commands.

Commands parse and print; the work is done by `rag_embed.Index` and `rag_embed.evaluation`.

Exit codes: 0 done, 1 failed (the message says why), 2 wrong usage, 3 nothing found,
4 done but something was skipped (with ``--strict``), 5 trained or tuned but not used, being no better,
130 stopped by hand.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from rag_embed.cli.commands import Commands
from rag_embed.errors import RagEmbedError
from rag_embed.lazy import lazily
from rag_embed.stores._deferred import defer_classes, spare_pandas

if TYPE_CHECKING:
    from rag_embed.cli.python_docs import language_reference

__all__ = ["app", "language_reference", "main"]

_HOMES = {"language_reference": "cli.python_docs"}

_LANCEDB_LOG = "warn,lance::index::vector::builder=error"
"""What LanceDB may print: no line for each new part of a vector index whose large parts are split."""

__getattr__ = lazily(__name__, _HOMES)

app = typer.Typer(
    name="rag-embed",
    cls=Commands,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


def _version(asked: bool) -> None:
    if asked:
        import importlib.metadata

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


def main() -> None:
    """Entry point of ``rag-embed``."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    os.environ.setdefault("LANCEDB_LOG", _LANCEDB_LOG)  # read once, when LanceDB is loaded
    spare_pandas()
    defer_classes("lance_namespace_urllib3_client.models")  # a third of LanceDB's import
    try:
        app()
    except RagEmbedError as error:
        from rag_embed.cli.show import told  # what draws is loaded by commands that draw

        _fail(told(error))
    except OSError as error:  # a page or report that cannot be written
        _fail(f"{error.strerror or error}: {error.filename}" if error.filename else str(error))


def _fail(message: str) -> None:
    from rag_embed.cli.show import complain

    complain(message)
    sys.exit(1)
