"""``rag-embed experts``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from rag_embed.cli.asking import weighed
from rag_embed.cli.show import counted, emit, err, out
from rag_embed.index import Index
from rag_embed.text import amount

app = typer.Typer(no_args_is_help=True, help="Experts that a router may choose for a query.")

_KB = Annotated[str, typer.Argument(metavar="KB", help="Folder or URI of the index.")]
_NAME = Annotated[str, typer.Argument(help="Name of the expert.")]
_JSON = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def listed(kb: _KB, as_json: _JSON = False) -> None:
    """Show the experts of an index with what was measured."""
    experts = Index.open(kb).experts.list()
    if as_json:
        emit([asdict(one) for one in experts])
        return
    if not experts:
        err.print(
            "no experts; add one by `rag-embed experts add` or `experts add-space`", markup=False
        )
        return
    table = Table()
    for column in ("expert", "kind", "space", "enabled", "gain on unseen documents", "model"):
        table.add_column(column, overflow="fold")
    for one in experts:
        state = "yes" if one.enabled else "no"
        table.add_row(
            Text(one.name), one.kind, Text(one.space), state, _gain(one.card), Text(one.model)
        )
    out.print(table)


@app.command("add")
def add(
    kb: _KB,
    folder: Annotated[Path, typer.Argument(help="Folder that train-expert wrote.")],
    name: Annotated[
        str | None, typer.Option(help="Name of the expert.", show_default="the folder's name")
    ] = None,
) -> None:
    """Add a trained query expert; no document is encoded."""
    index = Index.open(kb)
    expert = index.experts.add(folder, name=name)
    err.print(f"added {expert.name}; {_next(index)}")


@app.command("add-space")
def add_space(
    kb: _KB,
    name: _NAME,
    model: Annotated[
        str,
        typer.Argument(help="Name or folder of a sentence-transformers model, dense or sparse."),
    ],
    situate: Annotated[
        str | None,
        typer.Option(
            help="How chunks know their document, a name such as titled.",
            show_default="as in the index's own space",
        ),
    ] = None,
) -> None:
    """Encode all chunks with another model too; it becomes an expert. Goes on where it was stopped.

    A sparse model (SPLADE) weighs terms of what lexical search reads; it takes no --situate.
    """
    index = Index.open(kb)
    with counted("encoding", "chunks") as progress:
        done = index.experts.add_space(name, model, situate=situate, progress=progress)
    err.print(f"added {name}: {amount(done, 'chunk')} encoded; {_next(index)}")


@app.command("drop-space")
def drop_space(kb: _KB, name: _NAME) -> None:
    """Remove a space that was added, with its vectors and its expert."""
    Index.open(kb).experts.drop_space(name)
    err.print(f"dropped {name}", markup=False)


@app.command("remove")
def remove(kb: _KB, name: _NAME) -> None:
    """Forget an expert; its vectors stay if it is a space, see drop-space."""
    Index.open(kb).experts.remove(name)
    err.print(f"removed {name}", markup=False)


@app.command("enable")
def enable(kb: _KB, name: _NAME) -> None:
    """Let an expert answer."""
    Index.open(kb).experts.enable(name)
    err.print(f"enabled {name}", markup=False)


@app.command("disable")
def disable(kb: _KB, name: _NAME) -> None:
    """Leave an expert aside; it is kept."""
    Index.open(kb).experts.enable(name, enabled=False)
    err.print(f"disabled {name}", markup=False)


@app.command("weigh")
def weigh(
    kb: _KB,
    weights: Annotated[
        list[str],
        typer.Argument(
            metavar="LEG=NUMBER...",
            help="How much a leg counts, such as dense=0.3; what is not named counts nothing.",
        ),
    ],
) -> None:
    """Rank by other weights from now on; tune KB weights --reset brings the standard back."""
    experts = Index.open(kb).experts
    experts.weigh(dict(map(weighed, weights)))
    err.print(
        ", ".join(f"{leg} {weight:g}" for leg, weight in experts.weights.items()), markup=False
    )


def _next(index: Index) -> str:
    """What lets a new expert answer."""
    if index.experts.router is not None:
        return "tune the router again to let it answer: rag-embed tune KB router queries.jsonl qrels.tsv"
    return (
        "it counts nothing until labels or you say how much: rag-embed tune KB weights queries.jsonl "
        "qrels.tsv (or tune KB router), or rag-embed experts weigh KB"
    )


def _gain(card: Any) -> str:  # noqa: ANN401
    gain = card.get("gain")
    if not gain:
        return ""
    return f"{gain['value']:+.3f} ({gain['low']:+.3f} to {gain['high']:+.3f})"
