"""Who may read a document, and who asks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from rag_embed.errors import BadInput
from rag_embed.text import shown, unusable


@dataclass(frozen=True, slots=True)
class Audience:
    """Who may read a document (its access control list): the owner, and whoever is in a group that it names.

    Attributes:
        user: The owner; None where it has none.
        readers: Names of groups, each once, in order. Without owner and groups it is for everybody.
    """

    user: str | None = None
    readers: tuple[str, ...] = ()

    @property
    def everybody(self) -> bool:
        """Whether nobody is kept out."""
        return self.user is None and not self.readers


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: a user, and the groups that the user is in.

    Attributes:
        user: None for nobody in particular.
        groups: Names of groups, each once, in order.

    Examples:
        >>> note = Audience("ann", ("hr", "legal"))
        >>> Principal("ann").sees(note), Principal("ben", ("hr",)).sees(note), STRANGER.sees(note)
        (True, True, False)
    """

    user: str | None = None
    groups: tuple[str, ...] = ()

    def sees(self, audience: Audience) -> bool:
        """Whether a document with this audience may be read."""
        if audience.everybody or (self.user is not None and self.user == audience.user):
            return True
        return not set(self.groups).isdisjoint(audience.readers)


EVERYBODY: Final = Audience()
"""The audience of a document without owner and groups."""

STRANGER: Final = Principal()
"""Nobody in particular, in no group: sees what is for everybody."""


def group_names(what: str, given: Iterable[str]) -> tuple[str, ...]:
    """Names of groups as they are kept: each once, in order.

    Args:
        what: What was given, for the message.
        given: The names, in any order.

    Raises:
        BadInput: It is one str, whose letters would be taken for groups, or a name is empty or holds a control
            character or half of a surrogate pair.

    Examples:
        >>> group_names("Query.groups", ["legal", "hr", "hr"])
        ('hr', 'legal')
    """
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise BadInput(f"{what} takes a list of names of groups, got {given!r}; write [name].")
    names = list(given)
    for name in names:
        if not isinstance(name, str) or not name:
            raise BadInput(f"{what}: a group is named by a non-empty str, got {name!r}.")
        if found := unusable(name):
            raise BadInput(
                f"{what}: the group '{shown(name)}' holds {found!a}, a control character or half of a "
                "surrogate pair; use a name without."
            )
    return tuple(sorted(set(names)))
