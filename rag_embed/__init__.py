"""Documents in, a better hybrid retriever out.

    index = Index.create("kb")
    index.add(read("docs/"))
    index.search("how do I close a file?")

The names below are loaded when they are first used, so that ``import rag_embed`` costs nothing.
"""

from typing import TYPE_CHECKING

from rag_embed.lazy import lazily

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


__getattr__ = lazily(__name__, _HOMES)


def __dir__() -> list[str]:
    return __all__
