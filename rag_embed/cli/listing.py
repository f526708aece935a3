"""``rag-embed list``, ``stats`` and ``export``: what an index holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from itertools import islice
from operator import methodcaller
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from rag_embed.cli.asking import Groups, User, Where
from rag_embed.cli.conditions import parsed
from rag_embed.cli.show import emit, emit_line, err, facts, out
from rag_embed.errors import BadInput
from rag_embed.index import Index
from rag_embed.stores.rereading import with_view
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
    for one in _documents(Index.open(kb), where, user, groups):
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
    everyone: Annotated[
        bool,
        typer.Option(
            "--everyone", help="Write the documents of all users and groups, as for a move."
        ),
    ] = False,
) -> None:
    """Write documents as JSON lines, as they were added; index reads them back."""
    if everyone and (user is not None or groups):
        raise BadInput("--everyone writes what anybody may read; leave out --user and --group.")
    index, count = Index.open(kb), 0
    found = _anybodys(index, where) if everyone else _documents(index, where, user, groups)
    with nullcontext(None) if to is None else to.open("w", encoding="utf-8") as file:
        for one in found:
            _write(one, file)
            count += 1
    err.print(f"wrote {amount(count, 'document')}")
    if behind := len(_matching(index, where)) - count:
        belong = "belongs" if behind == 1 else "belong"
        err.print(f"{amount(behind, 'document')} {belong} to others, and stayed behind: --everyone")
    if not count:
        raise typer.Exit(3)


def _write(document: Document, file: TextIO | None) -> None:
    """As a line, which says whose it is also where it is nobody's."""
    row = {"id": document.id, "title": document.title, "text": document.text}
    audience = {"user": document.user, "readers": document.readers and list(document.readers)}
    emit_line({**row, "metadata": dict(document.metadata), **audience}, file)


def _matching(index: Index, where: list[str] | None) -> list[str]:
    """Ids of those that match, whoever they belong to."""
    asked = index.store.fields.resolved(parsed(where or [], index.store.fields))
    return with_view(index.store, lambda view: view.matching(asked))


def _anybodys(index: Index, where: list[str] | None) -> Iterator[Document]:
    """Those that match, whoever they belong to, by id, some at a time; a wrong condition is refused at once."""

    def read(ids: list[str]) -> list[Document]:
        return with_view(index.store, methodcaller("documents", ids))

    return _some_at_a_time(_matching(index, where), read)


def _documents(
    index: Index, where: list[str] | None, user: str | None, groups: list[str] | None
) -> Iterator[Document]:
    """Those that match and that the user sees, by id, some at a time; what is wrong is refused at once."""
    mine = groups or ()
    asked = parsed(where or [], index.store.fields)
    ids = index.contents.matching(asked, user=user, groups=mine)
    return _some_at_a_time(ids, partial(index.contents.documents, user=user, groups=mine))


def _some_at_a_time(
    ids: list[str], read: Callable[[list[str]], list[Document]]
) -> Iterator[Document]:
    left = iter(ids)
    while some := list(islice(left, _BATCH)):
        yield from read(some)


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {one}" for name, one in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
