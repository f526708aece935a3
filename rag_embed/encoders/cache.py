"""The folder of converted models and hashes: it saves time, and may be deleted at any moment."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def cache_folder() -> Path:
    """Where converted models and hashes are kept: ``RAG_EMBED_CACHE``, or the user's cache."""
    if chosen := os.environ.get("RAG_EMBED_CACHE"):
        return Path(chosen)
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "rag_embed"


def write_atomically(path: Path, content: bytes) -> bool:
    """Write a cache file in one step; False where the cache cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
            file.write(content)
        Path(file.name).replace(path)
    except OSError:
        return False  # a cache saves time and nothing else
    return True
