"""Filters of a call within those that were set before."""

from __future__ import annotations

from rag_embed.filters import And, Filter, FilterLike, to_filter


def narrowed(own: Filter | None, given: FilterLike) -> Filter | None:
    """What a call may see: what passes its own filter and the one that was set before, which it cannot widen.

    Raises:
        BadInput: The filter cannot be read.
    """
    asked = to_filter(given)
    if own is None or asked is None:
        return asked if own is None else own
    return And((own, asked))
