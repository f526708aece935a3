"""Users' decayed sums, remembered until their bucket changes: a bent query asks for one several times."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rag_embed.maths.profile import DecayedSum
from rag_embed.stores.newest import Newest

USERS = 64
"""Users whose sums are remembered."""


class EventSums:
    """What was read last, each with the version of the bucket it was read from."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Newest | int, DecayedSum]] = {}

    def get(
        self,
        user: str,
        version: Newest | int,
        read: Callable[[], Mapping[str, DecayedSum]],
        none: DecayedSum,
    ) -> DecayedSum:
        """The sum of a user in a version of the bucket, or in a later one.

        Args:
            user: Whose sum.
            version: The latest one of the bucket; see `newest.stamp`.
            read: Gives the sums of users, this one's among them if there is any.
            none: The sum of nothing.
        """
        known = self._known.pop(user, None)
        if known is None or known[0] != version:
            known = version, read().get(user, none)
        self._known[user] = known
        while len(self._known) > USERS:
            self._known.pop(next(iter(self._known)), None)
        return known[1]

    def forget(self, user: str) -> None:
        """Keep nothing of a user."""
        self._known.pop(user, None)
