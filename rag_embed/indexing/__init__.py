"""What an index is made of and how documents get into it: settings, spaces, experts, users."""

from rag_embed.indexing.documents import cleaned, content_hash, still_closed
from rag_embed.indexing.explanation import Explanation
from rag_embed.indexing.personalisation import profiles_of
from rag_embed.indexing.reported import AddReport
from rag_embed.indexing.settings import Expert, IndexSettings
from rag_embed.indexing.watching import watch

__all__ = [
    "AddReport",
    "Expert",
    "Explanation",
    "IndexSettings",
    "cleaned",
    "content_hash",
    "profiles_of",
    "still_closed",
    "watch",
]
