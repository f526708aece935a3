"""The verbs: what a part must be able to do to be used in a place.

Implement the methods and the object fits; nothing has to be inherited.
"""

from rag_embed.protocols.encoding import (
    ChunkEncoder,
    Encoder,
    QueryEncoder,
    SituatedSpace,
    SparseEncoder,
    SparseQueryEncoder,
    Splitter,
    TokenEncoder,
    TokenReader,
    TokenSpace,
)
from rag_embed.protocols.remembering import EventStore, HalfLife, Histories, Totals
from rag_embed.protocols.searching import (
    Answers,
    Evidence,
    LearnedRouter,
    Leg,
    LevelledAnswers,
    QueryTransform,
    Reranker,
    Retriever,
    Router,
    SecondStage,
    TokensRead,
    VectorAnswers,
    VectorLeg,
)
from rag_embed.protocols.storing import Files, Store
from rag_embed.protocols.viewing import View

__all__ = [
    "Answers",
    "ChunkEncoder",
    "Encoder",
    "EventStore",
    "Evidence",
    "Files",
    "HalfLife",
    "Histories",
    "LearnedRouter",
    "Leg",
    "QueryEncoder",
    "QueryTransform",
    "Reranker",
    "Retriever",
    "Router",
    "SecondStage",
    "SituatedSpace",
    "SparseEncoder",
    "SparseQueryEncoder",
    "Splitter",
    "Store",
    "TokenEncoder",
    "TokenReader",
    "TokenSpace",
    "TokensRead",
    "Totals",
    "VectorAnswers",
    "LevelledAnswers",
    "VectorLeg",
    "View",
]
