"""A damaged index in a folder, repaired: what is derived is computed again from the stored text."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rag_embed.indexing.documents import content_hash
from rag_embed.indexing.reported import AddReport
from rag_embed.protocols import Store
from rag_embed.stores.inspection import Damage, inspected
from rag_embed.stores.places import place
from rag_embed.stores.rereading import with_view
from rag_embed.text import amount
from rag_embed.types import Document

_MANY = 256


@dataclass(frozen=True, slots=True)
class Repair:
    """What `repair` did.

    Attributes:
        done: In sentences.
        left: Damage that cannot be repaired.
    """

    done: tuple[str, ...]
    left: tuple[Damage, ...]


def repair(
    path: str | os.PathLike[str],
    add: Callable[[Sequence[Document]], AddReport],
    opened: Callable[[], Store],
) -> Repair:
    """Repair an index as far as it can be: versions, search indexes, chunks with all that is computed of them.

    Texts, settings, files and events are left as they are: nothing else holds them.

    Args:
        path: Folder of the index.
        add: Adds documents to it, which encodes them; it is called when the tables are there again.
        opened: Opens its store then.

    Raises:
        StoreError: The settings are lost, or nothing can be written.
    """
    from rag_embed.stores.repairing import go_back, remake  # keeps `import rag_embed` light

    uri = place(path)
    done = go_back(uri)
    done += remake(uri, inspected(uri).damages)
    store = opened()
    again = incomplete(store)
    for start in range(0, len(again), _MANY):
        some = again[start : start + _MANY]
        add(with_view(store, lambda view, some=some: view.documents(some)))  # type: ignore[misc]
    if again:
        done.append(
            f"Chunks of {amount(len(again), 'document')} were computed again from the text."
        )
    left = tuple(one for one in inspected(uri).damages if one.part != "older")
    return Repair(tuple(done), left)


def incomplete(store: Store) -> list[str]:
    """Ids of documents without all of their chunks: their writing was interrupted, or chunks were lost."""
    return [
        id for some in _some(store) for id, (digest, _) in store.known(some).items() if not digest
    ]


def altered(store: Store) -> list[str]:
    """Ids of documents that are not what was added: their text, title, metadata or owner differs."""
    found = []
    for some in _some(store):
        known = store.known(some)
        documents = with_view(store, lambda view, some=some: view.documents(some))  # type: ignore[misc]
        found += [one.id for one in documents if known[one.id][0] not in ("", content_hash(one))]
    return found


def _some(store: Store) -> list[list[str]]:
    ids = sorted(store.document_ids())
    return [ids[start : start + _MANY] for start in range(0, len(ids), _MANY)]
