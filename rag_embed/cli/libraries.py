"""What the commands that serve are given: several indexes by name, each within conditions."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rag_embed.cli.conditions import parsed
from rag_embed.errors import BadInput, ModelUnavailable
from rag_embed.index import Index

if TYPE_CHECKING:
    from rag_embed.serving import Library

_log = logging.getLogger(__name__)

TOKEN = "RAG_EMBED_TOKEN"
"""Environment variable of the token that callers must send."""

Kbs = Annotated[
    list[str],
    typer.Argument(
        metavar="KB...", help="Folders or URIs of indexes; NAME=KB gives one another name."
    ),
]


def library_of(
    kbs: list[str],
    user: str | None,
    groups: list[str] | None,
    where: list[str] | None,
    fresh: float | None,
    by: str,
    rerank: str | None,
) -> Library:
    """The indexes by name, each within the conditions.

    Raises:
        BadInput: Two have one name, a condition does not fit an index, or ``fresh`` has no dates to read.
        ModelUnavailable: The re-ranker cannot be loaded.
    """
    from rag_embed.serving import Library

    places: dict[str, str] = {}
    for kb in kbs:
        name, place = _named(kb)
        if name in places:
            raise BadInput(f"Two indexes are called {name!r}; name one of them: NAME={place}")
        places[name] = place
    opened = {name: Index.open(place) for name, place in places.items()}
    for name, index in opened.items():
        _say_what_is_not_searched(name, index)
    library = Library.of(opened, user=user, groups=groups or ())
    conditions = {
        shelf.name: parsed(where or [], shelf.index.store.fields) for shelf in library.shelves
    }
    return library.narrowed(conditions).fresher(fresh, by).reranking(rerank)


def _say_what_is_not_searched(name: str, index: Index) -> None:
    """Log a warning at once where no question can be encoded, and not when the first caller asks one."""
    try:
        index.spaces.own.encode_query(["a first question"])
    except ModelUnavailable as error:
        _log.warning("%s cannot be searched. %s", name, error)


def _named(kb: str) -> tuple[str, str]:
    """Name and place of an index: ``NAME=PLACE``, or a place, whose last part is the name."""
    name, equals, place = kb.partition("=")
    if equals and place and not {"/", "\\", ":"} & set(name) and not Path(kb).exists():
        return name, place
    if "://" not in kb:
        return Path(kb).resolve().name, kb
    return kb.rstrip("/").rpartition("/")[2], kb
