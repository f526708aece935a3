"""What a command that takes an index or a folder of labelled documents was given."""

from __future__ import annotations

from rag_embed.index import Index
from rag_embed.paths import is_index
from rag_embed.stores.places import local, place


def index_at(source: str) -> Index | None:
    """The index that is there, in an object store too; None for a folder that holds none.

    Args:
        source: As typed.
    """
    folder = local(place(source))
    if folder is None or (folder / "settings.lance").is_dir() or is_index(folder):
        return Index.open(source)
    return None


def name_of(source: str) -> str:
    """The last name of a path or URI."""
    return place(source).rstrip("/").rpartition("/")[2]
