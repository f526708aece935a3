"""``rag-embed list``, ``stats`` and ``export``: what an index holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from rag_embed.cli.asking import Groups, User, Where
from rag_embed.cli.conditions import parsed
from rag_embed.cli.show import emit, emit_line, err, facts, out
from rag_embed.index import Index
from rag_embed.text import amount
from rag_embed.types import Document

Kb = Annotated[str, typer.Argument(metavar="KB", help="Folder or URI of the index.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_BATCH = 200
"""Documents that are read at once."""


def list_(
    kb: Kb,
    where: Where = None,
    user: User = None,
    groups: Groups = None,
    as_json: Json = False,
    as_lines: Annotated[
        bool, typer.Option("--jsonl", help="Print a line of JSON for each document.")
    ] = False,
) -> None:
    """List documents: their ids and titles."""
    rows = []
    for one in _documents(kb, where, user, groups):
        rows.append({"id": one.id, "title": one.title})
        if as_lines:
            emit_line(rows[-1])
        elif not as_json:
            out.print(f"{one.id}  {one.title}".rstrip(), markup=False, soft_wrap=True)
    if as_json:
        emit(rows)
    if not rows:
        err.print("nothing found")
        raise typer.Exit(3)


def stats(kb: Kb, as_json: Json = False) -> None:
    """Show how much an index holds, how it was made, and what ranks in it."""
    index = Index.open(kb)
    said: dict[str, Any] = {
        **index.contents.stats(),
        "fields": dict(index.store.fields.types),
        "weights": dict(index.experts.weights),
        "experts": [one.name for one in index.experts.list()],
    }
    if as_json:
        emit(said)
        return
    rows = {name: _shown(value) for name, value in said.items() if value not in ({}, [], None)}
    out.print(facts(kb, rows))


def export(
    kb: Kb,
    to: Annotated[
        Path | None, typer.Option(help="Write to this file.", show_default="standard output")
    ] = None,
    where: Where = None,
    user: User = None,
    groups: Groups = None,
) -> None:
    """Write documents as JSON lines, as they were added; index reads them back."""
    count = 0
    file = nullcontext(None) if to is None else to.open("w", encoding="utf-8")
    with file as opened:
        for one in _documents(kb, where, user, groups):
            _write(one, opened)
            count += 1
    err.print(f"wrote {amount(count, 'document')}")
    if not count:
        raise typer.Exit(3)


def _write(document: Document, file: TextIO | None) -> None:
    row = {"id": document.id, "title": document.title, "text": document.text}
    audience: dict[str, Any] = {} if document.user is None else {"user": document.user}
    if document.readers:
        audience["readers"] = list(document.readers)
    emit_line({**row, "metadata": dict(document.metadata), **audience}, file)


def _documents(
    kb: str, where: list[str] | None, user: str | None, groups: list[str] | None
) -> Iterator[Document]:
    """Those that match and that the user sees, by id, some at a time."""
    index, mine = Index.open(kb), groups or ()
    asked = parsed(where or [], index.store.fields)
    ids = iter(index.contents.matching(asked, user=user, groups=mine))
    while some := list(islice(ids, _BATCH)):
        yield from index.contents.documents(some, user=user, groups=mine)


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {one}" for name, one in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
