"""How much each leg and second stage of an index counts: for everybody, and for some users alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from rag_embed.errors import BadInput, RagEmbedError
from rag_embed.events import check_user
from rag_embed.indexing.assembly import mixture_of
from rag_embed.indexing.settings import IndexSettings, read, write
from rag_embed.indexing.spaces import Spaces
from rag_embed.protocols import Store
from rag_embed.text import amount


class Weighing:
    """The weights of one index, as stored when it was opened and as changed since.

    Args:
        store: Store of the index.
        spaces: Its vector spaces.

    Attributes:
        own: Weights of users who have some of their own, by user.
    """

    def __init__(self, store: Store, spaces: Spaces) -> None:
        self._store = store
        self._spaces = spaces
        known = read(store)
        self._chosen = known.weights
        self.own = known.own_weights

    @property
    def everybody(self) -> Mapping[str, float]:
        """Those of everybody: as chosen, or the defaults."""
        return mixture_of(self._chosen, self._spaces.own)

    @property
    def chosen(self) -> Mapping[str, float] | None:
        """Those of everybody as chosen; None where they are the defaults."""
        return self._chosen

    @property
    def named(self) -> set[str]:
        """All names in the weights of everybody, and of any user."""
        return {name for one in (self.everybody, *self.own.values()) for name in one}

    def choose(self, weights: Mapping[str, float] | None, fits: Callable[[], None]) -> None:
        """Let others count for everybody, and keep them.

        Args:
            weights: Checked ones; None for the defaults.
            fits: Raises where something of the index does not fit them; nothing is changed then.
        """
        before, self._chosen = self._chosen, weights
        try:
            fits()
            write(self._store, lambda known: replace(known, weights=weights))
        except RagEmbedError:
            self._chosen = before
            raise

    def choose_for(self, user: str, weights: Mapping[str, float] | None) -> None:
        """Let others count for a user, and keep them; None for those of everybody."""
        check_user(user)

        def changed(known: IndexSettings) -> IndexSettings:
            left = known.without_user(user)
            mine = {} if weights is None else {user: weights}
            return replace(left, own_weights={**left.own_weights, **mine})

        self.own = write(self._store, changed).own_weights

    def forget(self, user: str) -> None:
        """Let a user have none in this process; what is stored goes by `erasing`."""
        self.own = {one: weights for one, weights in self.own.items() if one != user}

    def check_uncounted(self, name: str) -> None:
        """Refuse to lose what stored weights count.

        Raises:
            BadInput: Those of everybody, or of a user, count it.
        """
        known = read(self._store)
        if (known.weights or {}).get(name):
            raise BadInput(
                f"The weights of the index count {name!r}; take them back first: index.experts.weigh(None), "
                "rag-embed tune KB weights --reset."
            )
        if users := [user for user, one in known.own_weights.items() if one.get(name)]:
            raise BadInput(
                f"The weights of {amount(len(users), 'user')} count {name!r}, such as those of {users[0]!r}; "
                "take them back first: index.experts.weigh(None, user=...), rag-embed tune KB weights --reset "
                "--user NAME."
            )
