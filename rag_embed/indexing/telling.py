"""An index in a line, for whoever looks at a variable."""

from __future__ import annotations

from rag_embed.errors import RagEmbedError
from rag_embed.protocols import Store
from rag_embed.stores.places import local
from rag_embed.stores.rereading import with_view
from rag_embed.text import amount


def told(store: Store, model: str) -> str:
    """Where an index lies, its model and the number of its chunks, which an object store is not asked for.

    Args:
        store: Its store.
        model: Name of the model of its own space.

    Examples:
        >>> from rag_embed.stores import MemoryStore
        >>> told(MemoryStore({"dense": 2}), "all-MiniLM-L6-v2")
        'Index(in memory, all-MiniLM-L6-v2, 0 chunks)'
    """
    uri = str(RagEmbedError(getattr(store, "uri", "")))  # without what may stand before a host
    facts = [repr(uri) if uri else "in memory", model]
    if not uri or local(uri) is not None:
        try:
            facts.append(amount(with_view(store, len), "chunk"))
        except RagEmbedError:
            facts.append("cannot be read")
    return f"Index({', '.join(facts)})"
