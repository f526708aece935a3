"""The nouns: everything that travels between the parts of rag_embed.

Frozen, slotted dataclasses and array aliases live here; anything that *does* something does not.
"""

from rag_embed.types.access import EVERYBODY, STRANGER, Audience, Principal, group_names
from rag_embed.types.citation import Citation
from rag_embed.types.documents import (
    ANYONE,
    Anyone,
    Chunk,
    Cut,
    Document,
    Skipped,
    doc_id_of,
    place_of,
    span_of,
)
from rag_embed.types.freshness import Fresh
from rag_embed.types.pages import PAGE_BREAKS, PAGE_STARTS
from rag_embed.types.progress import OnProgress, Progress
from rag_embed.types.rows import ChunkRows
from rag_embed.types.searching import (
    Grouping,
    Hit,
    Near,
    Options,
    Part,
    Query,
    Route,
    Unit,
    check_hits,
    check_queries,
)
from rag_embed.types.vectors import (
    DENSE,
    FRESH,
    LEXICAL,
    PHRASE,
    TOKENS,
    Scores,
    Seconds,
    Signature,
    Spans,
    SparseVector,
    TokenBits,
    TokenRows,
    Vectors,
)

__all__ = [
    "ANYONE",
    "Anyone",
    "Audience",
    "Chunk",
    "ChunkRows",
    "Citation",
    "Cut",
    "DENSE",
    "Document",
    "FRESH",
    "Fresh",
    "EVERYBODY",
    "Grouping",
    "Unit",
    "Hit",
    "LEXICAL",
    "Near",
    "OnProgress",
    "Options",
    "PAGE_BREAKS",
    "PAGE_STARTS",
    "PHRASE",
    "Part",
    "Principal",
    "Progress",
    "Query",
    "Route",
    "Scores",
    "Seconds",
    "Signature",
    "Skipped",
    "Spans",
    "STRANGER",
    "SparseVector",
    "TOKENS",
    "TokenBits",
    "TokenRows",
    "Vectors",
    "check_hits",
    "check_queries",
    "doc_id_of",
    "group_names",
    "place_of",
    "span_of",
]
