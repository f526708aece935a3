"""The router of an index: a file of its store."""

from __future__ import annotations

import warnings
from collections.abc import Collection

from rag_embed.arguments import check_made
from rag_embed.errors import BadInput, StoreError
from rag_embed.protocols import Files, Store
from rag_embed.routing.router import PilotRouter
from rag_embed.routing.storage import router_bytes, router_of

ROUTER = "router.safetensors"
"""Its name among the files of the store."""


def installed(store: Store) -> PilotRouter | None:
    """The router that `install` kept with an index; None where there is none.

    Everybody is shown its pilots, so those that a private document answers are left out: one of
    another day, or one that was shared then.

    Raises:
        BadInput: Its file is damaged, or of another version.
    """
    router = _kept(store)
    if router is None:
        return None
    audiences = store.audiences(sorted(router.pilots.answered))
    return router.without_documents([id for id, one in audiences.items() if not one.everybody])


def at_hand(store: Store) -> PilotRouter | None:
    """`installed` for whoever opens an index: what is derived keeps nobody from it.

    A router that cannot be read is left aside, with a warning that says how to have one again.
    """
    try:
        return installed(store)
    except (BadInput, StoreError) as error:
        warnings.warn(
            f"The index answers without its router, by the weights of everybody: {error} "
            "index.tune('router', labels) fits one again, tuning.reset(index, 'router') takes it out.",
            stacklevel=4,
        )
        return None


def install(store: Store, router: PilotRouter) -> None:
    """Keep a router with an index, in one commit: who opens it meanwhile has the old one or the new one.

    Raises:
        BadInput: The store keeps no files, or it is no `PilotRouter`.
    """
    check_made("router", router, PilotRouter)
    _files(store).put({ROUTER: router_bytes(router)})


def uninstall(store: Store) -> None:
    """Remove the router of an index; none there is no error."""
    if store.files is not None:
        store.files.remove([ROUTER])


def forget(store: Store, ids: Collection[str]) -> int:
    """Remove what the installed router learned from documents, and all of it if nothing is left.

    Args:
        store: Of the index.
        ids: Of documents of a user who is forgotten.

    Returns:
        How many pilots went; a router that cannot be read goes as a whole.
    """
    try:
        router = _kept(store)
    except BadInput:  # of what it holds nobody can be told apart any more
        uninstall(store)
        return 0
    if router is None or (left := router.without_documents(ids)) is router:
        return 0
    if left is None:
        uninstall(store)
        return len(router.pilots)
    install(store, left)
    return len(router.pilots) - len(left.pilots)


def _kept(store: Store) -> PilotRouter | None:
    if store.files is None:
        return None
    content = store.files.get([ROUTER]).get(ROUTER)
    return None if content is None else router_of(content, f"the index's file {ROUTER!r}")


def _files(store: Store) -> Files:
    if store.files is None:
        raise BadInput(
            f"{type(store).__name__} keeps no files, so no router can be kept in it. Keep it with "
            "routing.storage.save_router, and set index.experts.router after opening."
        )
    return store.files
