"""Indexes made before their settings had a format: brought up to date when they are next opened."""

from __future__ import annotations

import hashlib
import json
import shutil
import warnings
from pathlib import Path

from safetensors import SafetensorError
from safetensors.numpy import load

from rag_embed.indexing.installed import ROUTER
from rag_embed.indexing.settings import FORMAT, INDEX
from rag_embed.protocols import Store
from rag_embed.routing.storage import ARRAYS, packed


def migrate(store: Store, folder: Path | None) -> None:
    """Bring an index up to date; nothing happens where it is.

    Until then a router lay in a folder of its own, and settings had no format. A process that is
    killed in between leaves an index that the next one brings up to date.

    Args:
        store: Of the index.
        folder: Where it lies; None for an object store.

    Raises:
        StoreError: It cannot be written.
    """
    values = store.settings()
    if INDEX not in values or "format" in values[INDEX]:
        return
    router = None if folder is None else folder / "router"
    if router is not None and router.is_dir():
        _take_in(store, router)
        shutil.rmtree(router)
    store.configure({INDEX: {"format": FORMAT, "tokens": None, **values[INDEX]}})


def _take_in(store: Store, folder: Path) -> None:
    """Make a router's two files one file of the store; that of a torn router is dropped."""
    if store.files is None or store.files.names(ROUTER):
        return  # taken in already, by a process that was killed before the folder was gone
    try:
        told = json.loads((folder / "router.json").read_text("utf-8"))
        numbers = (folder / "router.safetensors").read_bytes()
        whole = told.pop("numbers") == hashlib.blake2b(numbers, digest_size=16).hexdigest()
        arrays = load(numbers)
    except (OSError, ValueError, KeyError, SafetensorError):
        whole = False
    if not whole:
        warnings.warn(
            f"The router in {folder} was torn by a process that was killed while it wrote; the index "
            "answers without one. Fit it again.",
            stacklevel=4,
        )
        return
    store.files.put(
        {ROUTER: packed({name: one for name, one in arrays.items() if name in ARRAYS}, told)}
    )
