"""Declared fields that no document has, and what was meant by them."""

from __future__ import annotations

from itertools import islice

from rag_embed.arguments import nearest
from rag_embed.index import Index
from rag_embed.stores.rereading import with_view

_LIKELY = 1000
"""Documents among whose keys the one is looked for that was meant."""


def empty_fields(index: Index) -> list[str]:
    """Declared fields that no document has, so that no filter on them finds anything."""
    stats = index.contents.stats()
    filled = stats.get("filled", {}) if stats["documents"] else {}
    return [name for name, chunks in filled.items() if not chunks]


def meant(index: Index, field: str) -> str:
    """The key that was meant by a field without values, as the end of a sentence; or nothing."""
    ids = list(islice(index.store.document_ids(), _LIKELY))
    documents = with_view(index.store, lambda view: view.documents(ids))
    keys = {key for one in documents for key in one.metadata} - set(index.store.fields.types)
    near = nearest(field, sorted(keys))
    return f"; did you mean {near!r}?" if near else ""
