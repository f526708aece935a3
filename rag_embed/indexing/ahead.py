"""Loading an index's encoder while its store is opened: each takes a second, neither needs the other.

The name of the model is in the store; a note beside the tables says it early. The note saves time and
decides nothing: what the store says counts.
"""

from __future__ import annotations

import json
import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from rag_embed.protocols import Encoder
from rag_embed.stores.places import local, place

_NOTE = "encoder.json"


def leave_note(uri: str, model: str) -> None:
    """Write the note; nothing happens where the index is not in a folder, or cannot be written."""
    from rag_embed.encoders.cache import write_atomically

    if (folder := local(uri)) is not None:
        write_atomically(folder / _NOTE, json.dumps({"model": model}).encode())


def remove_note(path: str | os.PathLike[str]) -> None:
    """Remove the note, if there is one."""
    Path(place(path), _NOTE).unlink(missing_ok=True)


def started(path: str | os.PathLike[str]) -> tuple[str, Future[Encoder]] | None:
    """The model of the note and its encoder, being loaded in the background; None without a note."""
    try:
        model = json.loads((Path(place(path)) / _NOTE).read_text(encoding="utf-8"))["model"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    from rag_embed import encoders

    background = ThreadPoolExecutor(1, thread_name_prefix="encoder")
    loading = background.submit(encoders.load, model)
    background.shutdown(wait=False)
    return model, loading
