"""Who may see which chunks."""

from __future__ import annotations

from rag_embed.filters import And, Filter, field
from rag_embed.protocols import View
from rag_embed.types import Query


def visible(query: Query, view: View) -> Filter | None:
    """The query's filter, and shared chunks or the user's own only."""
    if not view.private:
        return query.where
    shared: Filter = field("user_id").is_missing()
    mine = shared | (field("user_id") == query.user) if query.user is not None else shared
    return mine if query.where is None else And((query.where, mine))
