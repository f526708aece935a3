"""A user's history bends the query, and the language model's answer."""

from rag_embed.personal.affinity import Affinity
from rag_embed.personal.bend import Bend, CorpusMean, Personal, Similar, focused
from rag_embed.personal.exchange import exported, read_events
from rag_embed.personal.influence import moved_by
from rag_embed.personal.pooling import AttentionPooling, MeanPooling, SessionPooling
from rag_embed.personal.profiles import Profile, Profiles
from rag_embed.personal.setting import Setting, grid

__all__ = [
    "Affinity",
    "AttentionPooling",
    "Bend",
    "CorpusMean",
    "MeanPooling",
    "Personal",
    "Profile",
    "Profiles",
    "SessionPooling",
    "Setting",
    "Similar",
    "exported",
    "focused",
    "grid",
    "moved_by",
    "read_events",
]
