"""The router of an index: kept beside its tables."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from rag_embed.errors import BadInput
from rag_embed.protocols import Store
from rag_embed.routing.router import PilotRouter
from rag_embed.routing.storage import load_router, remove_router, save_router


def installed(store: Store) -> PilotRouter | None:
    """The router that `install` kept with an index; None where there is none.

    Raises:
        BadInput: Its files are damaged, or of another version.
    """
    folder = _folder(store)
    return load_router(folder) if folder is not None and folder.is_dir() else None


def install(store: Store, router: PilotRouter) -> None:
    """Keep a router with an index, in the folder ``router`` beside its tables.

    Raises:
        BadInput: The index is in an object store or in memory, where there is no such folder.
    """
    folder = _folder(store)
    if folder is None:
        raise BadInput(
            "A router can be kept with an index that is a local folder. Elsewhere keep it with "
            "routing.storage.save_router, and set index.router after opening."
        )
    save_router(router, folder)


def uninstall(store: Store) -> None:
    """Remove the router of an index; none there is no error."""
    folder = _folder(store)
    if folder is not None and folder.is_dir():
        remove_router(folder)


def forget(store: Store, ids: Collection[str]) -> None:
    """Remove what the installed router learned from documents, and its files if nothing is left.

    Args:
        store: Of the index.
        ids: Of documents of a user who is forgotten.
    """
    router = installed(store)
    left = router and router.without_documents(ids)
    if left is router:
        return
    uninstall(store)
    if left is not None:
        install(store, left)


def _folder(store: Store) -> Path | None:
    uri = getattr(store, "uri", None)
    return None if uri is None or "://" in uri else Path(uri) / "router"
