"""``rag-embed declare``: what filters may use of the metadata, and which of it no document has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from itertools import islice
from typing import Annotated

import typer

from rag_embed.arguments import nearest
from rag_embed.cli.reporting import reasons
from rag_embed.cli.show import emit, err
from rag_embed.errors import BadInput
from rag_embed.index import Index
from rag_embed.stores.rereading import with_view
from rag_embed.text import amount

_LIKELY = 1000
"""Documents among whose keys the one is looked for that was meant."""


def declare(
    kb: Annotated[str, typer.Argument(metavar="KB", help="Folder or URI of the index.")],
    fields: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME:TYPE...",
            help="Metadata to filter on and its type, such as year:int; tags are a list of str, as below.",
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Let filters use more of the metadata, of what is stored and of what comes; nothing is encoded."""
    index = Index.open(kb)
    asked = dict(map(typed, fields))
    report = index.contents.declare(asked)
    filled = index.contents.stats()["filled"]
    if as_json:
        partly = [asdict(one) for one in report.partly]
        emit({"fields": dict(index.store.fields.types), "filled": filled, "partly": partly})
        return
    for name in asked:
        found = f"{filled[name]} of {amount(len(index), 'chunk')} with a value"
        err.print(
            f"declared {name}: {found}{'' if filled[name] else meant(index, name)}", markup=False
        )
    reasons("without", report.partly)


def typed(text: str) -> tuple[str, str]:
    """A field and its type, as typed: ``year:int``.

    Raises:
        BadInput: It cannot be read.
    """
    name, colon, kind = text.partition(":")
    if not colon:
        raise BadInput(f"A field is name:type, such as year:int; got {text!r}.")
    return name, kind


def fields_of_index(kb: str | None) -> Mapping[str, str]:
    """Declared fields of another index and their types; none without one."""
    return {} if kb is None else Index.open(kb).store.fields.types


def empty_fields(index: Index) -> list[str]:
    """Declared fields that no document has, so that no filter on them finds anything."""
    stats = index.contents.stats()
    filled = stats.get("filled", {}) if stats["documents"] else {}
    return [name for name, chunks in filled.items() if not chunks]


def meant(index: Index, field: str) -> str:
    """The key that was meant by a field without values, as the end of a sentence; or nothing."""
    ids = list(islice(index.store.document_ids(), _LIKELY))
    documents = with_view(index.store, lambda view: view.documents(ids))
    keys = {key for one in documents for key in one.metadata} - set(index.store.fields.types)
    near = nearest(field, sorted(keys))
    return f"; did you mean {near!r}?" if near else ""
