"""A filter on what no document has finds nothing: whoever runs the program is told, once a name."""

from __future__ import annotations

import logging
from dataclasses import replace
from difflib import get_close_matches

from rag_embed.fields import BUILT_IN
from rag_embed.filters import METADATA, columns, field
from rag_embed.protocols import View
from rag_embed.ranking.visibility import visible
from rag_embed.types import Query

_log = logging.getLogger(__name__)
_told: set[str] = set()
_MOST = 1000
_LOOKED_AT = 50
"""Documents whose names are compared with one that nobody has."""


def tell_of_absent(view: View, query: Query) -> None:
    """Warn of each field and name of metadata that a filter asks for and nothing has that the user sees.

    Args:
        view: What was searched.
        query: A query that found nothing.
    """
    if query.where is None or not len(view):
        return
    names = columns(query.where) - BUILT_IN.keys() - _told
    absent = [one for one in sorted(names) if not _had(view, query, one)]
    if not absent or len(_told) > _MOST:
        return
    _told.update(absent)
    seen = visible(replace(query, where=None), view)
    some = view.documents(view.matching(seen)[:_LOOKED_AT])
    known = sorted({key for document in some for key in document.metadata})
    for one in absent:
        name = one.removeprefix(METADATA)
        near = get_close_matches(name, known, 1)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        _log.warning(
            "A filter found nothing: no document that the query may see has %s %r%s",
            "metadata" if one.startswith(METADATA) else "a value in the declared field",
            name,
            hint,
        )


def _had(view: View, query: Query, name: str) -> bool:
    return bool(view.passing(visible(replace(query, where=~field(name).is_missing()), view)))
