"""A note beside the tables that says which model an index wants, so that it is loaded while they open."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from rag_embed.encoders.cache import write_atomically
from rag_embed.encoders.rebuilding import Load
from rag_embed.protocols import Encoder
from rag_embed.stores.places import local, place

_NOTE = "encoder.json"
"""A file beside the tables that says the model's name before the store is open: the model is loaded
meanwhile. It saves a second and decides nothing, what the store says counts."""


def leave_note(uri: str, model: str | None) -> None:
    """Write the note; nothing happens without a model, a folder, or the right to write."""
    if model is not None and (folder := local(uri)) is not None:
        write_atomically(folder / _NOTE, json.dumps({"model": model}).encode())


def remove_note(path: str | os.PathLike[str]) -> None:
    """Remove the note, if there is one."""
    Path(place(path), _NOTE).unlink(missing_ok=True)


def loading_ahead(path: str | os.PathLike[str] | None) -> Load:
    """`encoders.load`; the model of the note at a place, if there is one, is being loaded already."""
    from rag_embed import encoders

    if path is None:
        return encoders.load
    try:
        noted = json.loads((Path(place(path)) / _NOTE).read_text(encoding="utf-8"))["model"]
    except (OSError, RecursionError, ValueError, KeyError, TypeError):
        return encoders.load
    background = ThreadPoolExecutor(1, thread_name_prefix="encoder")
    loading = background.submit(encoders.load, noted)
    background.shutdown(wait=False)

    def load(model: str, **options: Any) -> Encoder:  # noqa: ANN401  # those of `encoders.load`
        return (
            loading.result() if model == noted and not options else encoders.load(model, **options)
        )

    return load
