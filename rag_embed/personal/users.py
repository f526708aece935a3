"""`Users`: the personal part of one index, made when it is first needed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from rag_embed.personal import beside
from rag_embed.personal.profiles import Profiles
from rag_embed.personal.setting import Setting
from rag_embed.protocols import ChunkEncoder, Retriever, Store


class Users:
    """What an index knows of its users, and how far it lets that bend a query.

    Args:
        store: Of the index.
        space: Its space.
        storage_options: Credentials and region of an object store.

    Attributes:
        setting: How queries are bent; off unless tuning found a gain. To change it for good, use
            `beside.keep`.
    """

    def __init__(
        self, store: Store, space: ChunkEncoder, storage_options: Mapping[str, str] | None
    ) -> None:
        self._store = store
        self._space = space
        self._options = storage_options
        self.setting: Setting = beside.setting_of(store)

    @cached_property
    def profiles(self) -> Profiles:
        """Users' histories; see `beside.profiles_of`."""
        return beside.profiles_of(self._store, self._space, storage_options=self._options)

    def around(self, retriever: Retriever) -> Retriever:
        """The retriever made personal; the very same one while the strength is 0."""
        if not self.setting.strength:
            return retriever
        return beside.personal(retriever, self._store, self._space, self.profiles, self.setting)
