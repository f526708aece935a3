"""The router of an index: kept beside its tables, checked against what it will route."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rag_embed.errors import BadInput, SpaceMismatch
from rag_embed.protocols import Store
from rag_embed.ranking.hybrid import Hybrid
from rag_embed.routing.pilots import evidence_names, model_name
from rag_embed.routing.router import PilotRouter
from rag_embed.routing.storage import load_router, remove_router, save_router
from rag_embed.types import Signature


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


def without_documents(
    store: Store, router: PilotRouter | None, documents: Sequence[str]
) -> PilotRouter | None:
    """The router without pilots that documents answer; the files of an installed one go likewise.

    Args:
        store: Of the index.
        router: In use.
        documents: Ids; of labels that somebody gave for documents of a user who is forgotten.

    Returns:
        The router in use from now on; None when no pilot is left.
    """
    gone = frozenset(documents)

    def rest(one: PilotRouter) -> PilotRouter | None:
        kept = [i for i, ids in enumerate(one.pilots.documents) if gone.isdisjoint(ids)]
        return replace(one, pilots=one.pilots.only(kept)) if kept else None

    kept_beside = installed(store)
    if kept_beside is not None and not gone.isdisjoint(kept_beside.pilots.answered):
        left = rest(kept_beside)
        uninstall(store)
        if left is not None:
            install(store, left)
    return None if router is None else rest(router)


def fitting(router: PilotRouter, hybrid: Hybrid, signature: Signature) -> PilotRouter:
    """The router for these legs: experts that are gone or disabled are left out of it.

    Raises:
        SpaceMismatch: Its pilots come from another base encoder.
        BadInput: It was learned beside another default mixture.
    """
    if router.pilots.model != model_name(signature):
        raise SpaceMismatch(
            f"The router's pilots were encoded by {router.pilots.model!r}, the index by "
            f"{model_name(signature)!r}; fit it on this index."
        )
    names = evidence_names(hybrid)
    for leg in router.pilots.legs:
        if leg not in names and not router.pilots.default.get(leg):
            router = router.without_leg(leg)
    default = {name: hybrid.weights.get(name, 0.0) for name in router.pilots.legs}
    if default != dict(router.pilots.default) or not set(router.pilots.legs) <= set(names):
        raise BadInput(
            f"The router was learned beside the mixture {dict(router.pilots.default)}, the index has "
            f"{default} over the legs {list(names)}; fit it again."
        )
    return router


def _folder(store: Store) -> Path | None:
    uri = getattr(store, "uri", None)
    return None if uri is None or "://" in uri else Path(uri) / "router"
