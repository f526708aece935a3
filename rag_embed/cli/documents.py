"""``rag-embed show`` and ``rag-embed delete``: documents of an index, by id."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from typing import Annotated

import typer

from rag_embed.cli.asking import Groups, User, Where
from rag_embed.cli.conditions import parsed
from rag_embed.cli.show import emit, err, out
from rag_embed.events import check_user
from rag_embed.index import Index
from rag_embed.text import amount
from rag_embed.types import Audience

Kb = Annotated[str, typer.Argument(metavar="KB", help="Folder or URI of the index.")]


def show(
    kb: Kb,
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID...]", help="Ids of documents; without any, ids are listed."),
    ] = None,
    where: Where = None,
    user: User = None,
    groups: Groups = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print documents as they were added, or list the ids of those that match."""
    index, mine = Index.open(kb), groups or ()
    asked = parsed(where or [], index.store.fields)
    listed = index.contents.matching(asked, user=user, groups=mine)
    if not ids:
        found = listed
        if as_json:
            emit(found)
        else:
            out.print("\n".join(found), markup=False, soft_wrap=True)
    else:
        passing = set(listed)
        there = index.contents.documents(ids, user=user, groups=mine)
        documents = [one for one in there if not where or one.id in passing]
        found = [one.id for one in documents]
        if as_json:
            emit([asdict(one) for one in documents])
        else:
            for one in documents:
                out.print(one.text, markup=False, soft_wrap=True)
    if not found:
        err.print("nothing found")
        raise typer.Exit(3)


def delete(
    kb: Kb,
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of documents.")],
    user: Annotated[
        str | None,
        typer.Option(
            help="Delete what belongs to this user, and nothing else.",
            show_default="what is for everybody",
        ),
    ] = None,
    groups: Annotated[
        list[str] | None,
        typer.Option(
            "--group",
            help="Delete only what this group may read, without --user only what nobody owns; repeat it.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Delete documents by their ids; what is unknown is named, and no error."""
    owner = None if user is None else check_user(user)
    index = Index.open(kb)
    before = index.store.audiences(ids)
    count = index.delete(ids, user=owner, groups=groups or ())
    err.print(f"deleted {amount(count, 'document')}")
    after = index.store.audiences(ids)
    for id in dict.fromkeys(ids):
        if id in after or id not in before:
            err.print(f"{id!r} {_stays(after.get(id), named=user is None and not groups)}")
    if not count:
        raise typer.Exit(3)


def _stays(audience: Audience | None, named: bool) -> str:
    """Why nothing was deleted; ``named`` says whose it is, to who asked for nobody in particular."""
    if audience is None:
        return "is no document of this index"
    if not named:
        return "belongs to others, and stays"
    if audience.user is not None:
        user = audience.user
        return f"belongs to {user!r}, and stays; to delete it too: --user {shlex.quote(user)}"
    group = audience.readers[0]
    return f"is for the group {group!r}, and stays; to delete it too: --group {shlex.quote(group)}"
