"""Where documents, chunks and vectors live. The only place that imports LanceDB and Arrow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rag_embed.lazy import lazily
from rag_embed.stores._deferred import defer_package

if TYPE_CHECKING:
    from rag_embed.stores.events import LanceEvents
    from rag_embed.stores.lance import LanceStore
    from rag_embed.stores.memory import MemoryStore
    from rag_embed.stores.memory_events import MemoryEvents
    from rag_embed.stores.opening import declare_lacking, opened_or_made
    from rag_embed.stores.options import StorageOptions
    from rag_embed.stores.places import place

_HOMES = {
    "LanceEvents": "stores.events",
    "LanceStore": "stores.lance",
    "MemoryEvents": "stores.memory_events",
    "MemoryStore": "stores.memory",
    "StorageOptions": "stores.options",
    "declare_lacking": "stores.opening",
    "opened_or_made": "stores.opening",
    "place": "stores.places",
}

__all__ = [
    "LanceEvents",
    "LanceStore",
    "MemoryEvents",
    "MemoryStore",
    "StorageOptions",
    "declare_lacking",
    "opened_or_made",
    "place",
]

__getattr__ = lazily(__name__, _HOMES)

# Importing LanceDB imports the client of a remote catalogue service, several hundred generated
# classes which take longer to load than all the rest together. Nothing here asks for them.
defer_package("lance_namespace_urllib3_client")
