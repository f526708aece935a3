"""The verbs: what a part must be able to do to be used in a place.

Implement the methods and the object fits; nothing has to be inherited.
"""

from rag_embed.protocols.encoding import (
    ChunkEncoder,
    Encoder,
    QueryEncoder,
    SituatedSpace,
    Splitter,
    TokenEncoder,
    TokenSpace,
)
from rag_embed.protocols.remembering import EventStore, HalfLife, Histories, Totals
from rag_embed.protocols.searching import (
    LearnedRouter,
    QueryTransform,
    Reranker,
    Retriever,
    Router,
)
from rag_embed.protocols.storing import Files, Store, View

__all__ = [
    "ChunkEncoder",
    "Encoder",
    "EventStore",
    "Files",
    "HalfLife",
    "Histories",
    "LearnedRouter",
    "QueryEncoder",
    "QueryTransform",
    "Reranker",
    "Retriever",
    "Router",
    "SituatedSpace",
    "Splitter",
    "Store",
    "TokenEncoder",
    "TokenSpace",
    "Totals",
    "View",
]
