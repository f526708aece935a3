"""The personal part of an index: events beside its chunks, and the setting that was chosen for it."""

from __future__ import annotations

from dataclasses import replace

from rag_embed.errors import BadInput
from rag_embed.indexing.settings import read, write
from rag_embed.personal.bend import Bend, CorpusMean, Personal
from rag_embed.personal.profiles import Profiles
from rag_embed.personal.setting import Setting
from rag_embed.protocols import ChunkEncoder, EventStore, HalfLife, Retriever, Store


def profiles_of(store: Store, space: ChunkEncoder, half_life: HalfLife = "stored") -> Profiles:
    """Users' histories, kept where the documents are.

    Args:
        store: Of the index.
        space: Its space; what was chosen is encoded like a document.
        half_life: Of the running sums, in seconds: fixed by the first event.

    Raises:
        BadInput: The store can keep no events.
        SpaceMismatch: The events there were encoded by another encoder.
        StoreError: They are summed with another half-life.
    """
    events = events_of(store, space, half_life)
    if events is None:
        raise BadInput(
            f"{type(store).__name__} keeps no events, so it can remember nothing of a user. Let its "
            "events() return a protocols.EventStore, or keep them apart with personal.profiles."
        )
    return Profiles(events, space.encoder)


def events_of(
    store: Store, space: ChunkEncoder, half_life: HalfLife = "stored"
) -> EventStore | None:
    """Where the events of an index are; None for a store that can keep none."""
    return store.events(replace(space.encoder.signature, chunks="", tokens=""), half_life)


def setting_of(store: Store) -> Setting:
    """What was last kept by `keep`; off where nothing was."""
    return read(store).personal


def keep(store: Store, setting: Setting) -> None:
    """Use a setting for this index from now on."""
    write(store, lambda known: replace(known, personal=setting))


def bend_of(store: Store, space: ChunkEncoder, profiles: Profiles, setting: Setting) -> Bend:
    """The transform of a setting for an index."""
    return setting.bend(profiles, space, CorpusMean(store))


def personal(
    retriever: Retriever, store: Store, space: ChunkEncoder, profiles: Profiles, setting: Setting
) -> Retriever:
    """The retriever made personal; the very same one while the strength is 0."""
    if setting.strength == 0:
        return retriever
    return Personal(retriever, bend_of(store, space, profiles, setting))
