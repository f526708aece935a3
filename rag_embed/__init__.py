"""Documents in, a better hybrid retriever out.

    index = Index.create("kb")
    index.add(read("docs/"))
    index.search("how do I close a file?")

The names below are loaded when they are first used, so that ``import rag_embed`` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rag_embed.errors import RagEmbedError
    from rag_embed.events import UserEvent
    from rag_embed.filters import field
    from rag_embed.index import Index
    from rag_embed.reading import read
    from rag_embed.types import Chunk, Document, Hit, Part, Query, Skipped

_HOMES = {
    "Chunk": "types",
    "Document": "types",
    "Hit": "types",
    "Index": "index",
    "Part": "types",
    "Query": "types",
    "RagEmbedError": "errors",
    "Skipped": "types",
    "UserEvent": "events",
    "field": "filters",
    "read": "reading",
}

__all__ = [
    "Chunk",
    "Document",
    "Hit",
    "Index",
    "Part",
    "Query",
    "RagEmbedError",
    "Skipped",
    "UserEvent",
    "field",
    "read",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'rag_embed' has no attribute {name!r}")
    return getattr(import_module(f"rag_embed.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
