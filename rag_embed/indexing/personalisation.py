"""The personal part of an index: events beside its chunks, and the setting that was chosen for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, cast

from rag_embed.errors import BadInput
from rag_embed.indexing.settings import read, write
from rag_embed.personal.bend import Bend, CorpusMean, Personal
from rag_embed.personal.profiles import Profiles
from rag_embed.personal.setting import Setting
from rag_embed.protocols import ChunkEncoder, Encoder, EventStore, Retriever, Store


def profiles_of(
    store: Store,
    space: ChunkEncoder,
    *,
    half_life: float | Literal["stored"] | None = "stored",
    storage_options: Mapping[str, str] | None = None,
) -> Profiles:
    """Users' histories in the folder of an index; in memory for an index that lives there.

    Args:
        store: Of the index.
        space: Its space, which must encode texts: what was chosen is encoded like a document.
        half_life: Of the running sums, in seconds, ``None`` for no decay: fixed by the first event.
            ``"stored"`` takes what is there, and no decay where nothing is.
        storage_options: Credentials and region of an object store.

    Raises:
        BadInput: The space has no encoder for single texts.
        SpaceMismatch: The events there were encoded by another encoder.
        StoreError: They are summed with another half-life.
    """
    encoder = cast("Encoder | None", getattr(space, "encoder", None))
    if encoder is None:
        raise BadInput(
            f"{type(space).__name__} has no encoder for single texts, which remembering needs."
        )
    events: EventStore
    uri = getattr(store, "uri", None)
    if uri is None:
        from rag_embed.stores.memory_events import MemoryEvents

        fixed = None if half_life == "stored" else half_life
        events = MemoryEvents(space.signature.dim, half_life=fixed)
    else:
        from rag_embed.stores.events import LanceEvents  # keeps `import rag_embed` light

        plain = replace(encoder.signature, chunks="", tokens="")
        events = LanceEvents(uri, plain, half_life=half_life, storage_options=storage_options)
    return Profiles(events, encoder)


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
