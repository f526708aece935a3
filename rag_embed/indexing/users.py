"""`Users`: the personal part of one index, made when it is first needed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

from rag_embed.arguments import check_is, naming_throughout
from rag_embed.events import UserEvent, check_ids, check_user, owned
from rag_embed.indexing.personalisation import bend_of, events_of, personal, profiles_of, setting_of
from rag_embed.personal.influence import Moved, moved_by
from rag_embed.personal.profiles import Profile, Profiles
from rag_embed.personal.setting import Setting
from rag_embed.protocols import ChunkEncoder, Retriever, Store
from rag_embed.stores.rereading import with_view
from rag_embed.types import Hit, Query


@naming_throughout
class Users:
    """What an index knows of its users, and how far it lets that bend a query.

    Args:
        store: Of the index.
        space: Its space.

    Attributes:
        setting: How queries are bent; off unless tuning found a gain. To change it for good, use
            `personalisation.keep`.
    """

    def __init__(self, store: Store, space: ChunkEncoder) -> None:
        self._store = store
        self._space = space
        self.setting: Setting = setting_of(store)

    @cached_property
    def profiles(self) -> Profiles:
        """Users' histories; see `personalisation.profiles_of`."""
        return profiles_of(self._store, self._space)

    def remember(self, user: str, events: Iterable[UserEvent | str] | UserEvent) -> int:
        """Remember what a user did; an event with a known id is replaced.

        It changes no search until `tuning.personal` has found that it helps; see `setting`.

        Args:
            user: Whose; from your authentication, never from a text.
            events: Events or texts, consumed lazily; or one event.

        Returns:
            How many there were.

        Raises:
            BadInput: An event is another user's, or cannot be stored; batches before it are.
        """
        return self.profiles.remember(owned(user, events))

    def profile(self, user: str, *, instruction: str = "") -> Profile:
        """What is known of a user, on the whole or for a purpose; see `personal.profiles`."""
        return self.profiles.profile(user, instruction=instruction)

    def around(self, retriever: Retriever) -> Retriever:
        """The retriever made personal; the very same one while the strength is 0."""
        check_is("retriever", retriever, Retriever)
        if not self.setting.strength:
            return retriever
        return personal(retriever, self._store, self._space, self.profiles, self.setting)

    def fade(self, half_life: float | None) -> None:
        """Let what users did count half after some time; to be said before the first event.

        It is for running sums: what `Profile.vector` and the pooling ``"mean"`` are made of. The first
        event fixes it.

        Args:
            half_life: Seconds, or ``None`` for no decay.

        Raises:
            BadInput: It is not above 0.
            StoreError: There are events that are summed with another one.
        """
        self.profiles = profiles_of(self._store, self._space, half_life)

    def forget(self, user: str, events: Sequence[str]) -> int:
        """Erase some events of a user; returns how many there were."""
        check_user(user)
        check_ids(events)
        known = events_of(self._store, self._space)
        return 0 if known is None else known.forget(user, events)

    def moved(self, query: Query, hits: Sequence[Hit]) -> list[Moved]:
        """Which events, or turns, moved each hit of a search; empty while no query is bent.

        Args:
            query: As it was asked.
            hits: What `Index.search` found.
        """
        if not self.setting.strength:
            return []
        bend = bend_of(self._store, self._space, self.profiles, self.setting)
        ids = [hit.id for hit in hits]
        return with_view(self._store, lambda view: moved_by(bend, view, query, ids))
