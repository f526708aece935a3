"""The experts that an index keeps in its settings: a list that is written as a whole, in one commit."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import asdict, replace

from rag_embed.errors import SpaceMismatch
from rag_embed.indexing.recipes import drop_unused, placed
from rag_embed.indexing.settings import Expert, IndexSettings, read, write
from rag_embed.paths import absolute
from rag_embed.protocols import Store
from rag_embed.types import DENSE, Signature


def stored(store: Store) -> tuple[Expert, ...]:
    """The experts of an index, in the order in which they were added."""
    return read(store).experts


def change(store: Store, changed: Callable[[tuple[Expert, ...]], Iterable[Expert]]) -> None:
    """Write another list; files that no expert and no space needs any longer go."""
    before: list[IndexSettings] = []

    def settings(known: IndexSettings) -> IndexSettings:
        before.append(known)
        return replace(known, experts=tuple(changed(known.experts)))

    after = write(store, settings)
    drop_unused(store.files, before[-1], after)


def query_expert(
    store: Store, folder: str | os.PathLike[str], name: str | None, asks: Signature
) -> Expert:
    """The expert that a folder holds, its files copied into the store.

    Args:
        store: Store of the index.
        folder: What train-expert or merge wrote.
        name: Name of the expert; that of the folder when None.
        asks: Signature of what reads the queries of the index.

    Raises:
        BadInput: The folder holds no adapter.
        SpaceMismatch: It adapts another model than that of the index.
    """
    from rag_embed.encoders.adapter import packed, read_adapter
    from rag_embed.encoders.adapter_card import Card

    path = absolute(folder)
    base = read_adapter(path).base
    if difference := replace(asks, chunks="", tokens="").difference(
        replace(base, chunks="", tokens="")
    ):
        raise SpaceMismatch(
            f"The adapter in {path!r} was trained on {base.model!r}; the index asks with "
            f"{asks.model!r}. They differ in {{field: (index, adapter)}} {difference}."
        )
    names: dict[str, str] = {}
    if store.files is not None:
        names, files = placed(packed(path))
        store.files.put(files)
    card = asdict(Card.read(path))
    return Expert(
        name or os.path.basename(path), "query", path, DENSE, base.weights, True, card, names
    )
