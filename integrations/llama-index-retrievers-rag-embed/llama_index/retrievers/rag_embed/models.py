"""Models by name, each loaded once per process."""

from __future__ import annotations

from threading import Lock

from rag_embed import encoders
from rag_embed.protocols import Encoder

_LOCK = Lock()
_LOADED: dict[str, Encoder] = {}


def loaded(name: str) -> Encoder:
    """The encoder for a model's name or path; the same object for the same name.

    Raises:
        ModelUnavailable: The model cannot be loaded.
    """
    with _LOCK:
        if name not in _LOADED:
            _LOADED[name] = encoders.load(name)
        return _LOADED[name]
