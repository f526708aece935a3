"""Who may see which chunks."""

from __future__ import annotations

from rag_embed.fields import READERS
from rag_embed.filters import And, Filter, Or, field
from rag_embed.protocols import View
from rag_embed.types import Principal, Query


def visible(query: Query, view: View) -> Filter | None:
    """The query's filter, and only chunks that whoever asks may read."""
    if not view.private:
        return query.where
    seen = readable(query.principal, view.grouped)
    return seen if query.where is None else And((query.where, seen))


def readable(principal: Principal, grouped: bool = True) -> Filter:
    """Chunks that somebody may read: those for everybody, the user's own, and those for the user's groups.

    Args:
        principal: Who.
        grouped: Whether any chunk names groups.
    """
    shared: Filter = field("user_id").is_missing()
    if grouped:
        shared &= field(READERS).is_missing()
    some = [shared]
    if principal.user is not None:
        some.append(field("user_id") == principal.user)
    if grouped:
        some += [field(READERS).has(group) for group in principal.groups]
    return Or(tuple(some)) if len(some) > 1 else shared
