"""Documents in, a better hybrid retriever out.

index = Index.create("kb")
index.add(read("docs/"))
index.search("how do I close a file?")
"""

from rag_embed.errors import RagEmbedError
from rag_embed.filters import field
from rag_embed.types import Chunk, Document, Hit, Part, Query, Skipped

__all__ = [
    "Chunk",
    "Document",
    "Hit",
    "Part",
    "Query",
    "RagEmbedError",
    "Skipped",
    "field",
]
