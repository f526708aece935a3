"""Everything in which an index can hold something of a user, on one list that `Index.forget` walks.

Whoever lets an index keep something new adds it here: a test compares `ERASERS` with the tables and
files that an index has.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from rag_embed.errors import BadInput, StoreError
from rag_embed.filters import field
from rag_embed.indexing import installed
from rag_embed.indexing.personalisation import events_of
from rag_embed.indexing.settings import read, write
from rag_embed.protocols import ChunkEncoder, Store
from rag_embed.situated.contexts import OnDisk
from rag_embed.situated.space import forget_written, kept_in
from rag_embed.stores.rereading import with_view
from rag_embed.types import Anyone, Document, Query


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Who is forgotten, and where.

    Attributes:
        user: The user's id.
        documents: All that the user owns.
        store: Store of the index.
        spaces: Its spaces, its own first.
    """

    user: str
    documents: Sequence[Document]
    store: Store
    spaces: Sequence[ChunkEncoder]


@dataclass(frozen=True, slots=True)
class Eraser:
    """One kind of thing that an index holds.

    Attributes:
        what: Its name.
        holds: Tables of the store where it lies, and files as ``files/`` with their name; ``*`` stands
            for anything.
        erase: Erases what there is of a user, and says how many there were; 0 where nobody counts.
    """

    what: str
    holds: tuple[str, ...]
    erase: Callable[[Forgotten], int]


def _events(gone: Forgotten) -> int:
    known = events_of(gone.store, gone.spaces[0])
    return 0 if known is None else known.forget(gone.user)


def _contexts(gone: Forgotten) -> int:
    at_hand = {file for space in gone.spaces for file in kept_in(space)}
    kept = at_hand | set(read(gone.store).contexts)
    for space in gone.spaces:
        forget_written(space, gone.user, gone.documents)
    for file in kept - at_hand:
        OnDisk(file).forget(gone.user, [])
    return 0


def _check_reachable(store: Store, spaces: Collection[ChunkEncoder], user: str) -> None:
    kept = {file for space in spaces for file in kept_in(space)} | set(read(store).contexts)
    if missing := sorted(file for file in kept if not os.path.isfile(file)):
        raise StoreError(
            f"Nothing of user {user!r} was erased: contexts that were written about documents "
            f"are kept in {missing[0]!r}, which is not there. Put it back and forget again; if it was "
            "deleted, put an empty file there."
        )


def _pilots(gone: Forgotten) -> int:
    return installed.forget(gone.store, [document.id for document in gone.documents])


def _learned(gone: Forgotten) -> int:
    if gone.user not in read(gone.store).own_weights:
        return 0
    write(gone.store, lambda known: known.without_user(gone.user))
    return 1


def _documents(gone: Forgotten) -> int:
    return gone.store.forget(gone.user)


ERASERS: tuple[Eraser, ...] = (
    # In files outside of the index: first, since one that is out of reach is a reason to refuse.
    Eraser("contexts", (), _contexts),
    Eraser("events", ("events_*",), _events),
    Eraser("pilots", ("files/router.safetensors",), _pilots),
    Eraser("learned", ("settings",), _learned),
    # Chunks, vectors, tokens; last, since it also drops old versions of all that was erased before.
    Eraser("documents", ("chunks", "documents", "settings", "files"), _documents),
)
"""In the order in which they are asked; a call that died is made again."""

MADE_OF_SHARED = ("files/experts/*",)
"""Files that were learned from shared documents alone: training sees no private ones, and serves all."""


def delete(
    store: Store, ids: Sequence[str], user: str | Anyone | None, groups: Sequence[str] = ()
) -> int:
    """Delete those of the documents that are the user's; see `Index.delete`."""
    if isinstance(user, Anyone):
        if groups:
            raise BadInput(
                "groups narrow whose documents are deleted: give user=None for what nobody owns, or a user."
            )
    else:
        whom = Query("", user=user, groups=groups).principal
        known = store.audiences(ids).items()
        ids = [id for id, one in known if one.user == user and whom.sees(one)]
    deleted = store.delete(ids)
    if deleted:
        store.tidy()
    return deleted


def forget(store: Store, spaces: Collection[ChunkEncoder], user: str) -> dict[str, int]:
    """Erase all that an index holds of a user.

    Args:
        store: Store of the index.
        spaces: Its spaces, its own first.
        user: Who is forgotten.

    Returns:
        How many there were of each kind, as far as they are counted.

    Raises:
        StoreError: It could not be finished, or a file with contexts is not there; call it again, or
            open the index again.
    """
    _check_reachable(store, spaces, user)
    with store.forgetting(user):
        return _erased(store, spaces, user)


def finish(store: Store, spaces: Collection[ChunkEncoder]) -> None:
    """Forget whom a process was forgetting when it died; where it cannot be done, a warning says so."""
    try:
        for user in store.unforgotten():
            _check_reachable(store, spaces, user)
            with store.forgetting(user) as unfinished:
                if unfinished:  # another process may have been faster
                    _erased(store, spaces, user)
    except StoreError as error:
        from rag_embed.stores.store_errors import unforgotten  # keeps `import rag_embed` light

        warnings.warn(unforgotten(error), stacklevel=5)


def _erased(store: Store, spaces: Collection[ChunkEncoder], user: str) -> dict[str, int]:
    mine = field("user_id") == user
    documents = with_view(store, lambda view: view.documents(view.matching(mine)))
    gone = Forgotten(user, documents, store, tuple(spaces))
    return {eraser.what: eraser.erase(gone) for eraser in ERASERS}
