"""Newer before older: a prior on dates, added to what the legs say and bounded; see `types.Fresh`."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rag_embed.arguments import nearest
from rag_embed.errors import BadInput
from rag_embed.fields import Fields
from rag_embed.filters import Filter
from rag_embed.protocols import View
from rag_embed.types import FRESH, Fresh, Query, Scores
from rag_embed.types.freshness import days

_DAY = 86_400.0

_STEPS = 256
"""In so many steps does a half-life pass: pages of one search, a little later each, agree to the last digit."""


def wanted(query: Query, own: Fresh | None, fields: Fields) -> Fresh | None:
    """How much newer documents count for a query, with the name of the field; None where they do not.

    Args:
        query: What it asks goes before what the index does.
        own: What counts in the index.
        fields: The declared fields of the index.

    Raises:
        BadInput: There is no such field, none with dates, or several and none is named.
    """
    asked = own
    if query.fresh is not None:
        asked = Fresh(days("fresh", query.fresh), query.by) if query.fresh else None
    return None if asked is None else replace(asked, by=dated(asked.by, fields))


def dated(by: str, fields: Fields) -> str:
    """The field that dates are read from.

    Args:
        by: Its name; empty for the only one there is.
        fields: The declared fields of the index.

    Raises:
        BadInput: There is no such field, none with dates, or several and none is named.
    """
    known = fields.dates
    if not known:
        raise BadInput(
            "fresh reads a declared field of dates, and this index has none: declare "
            "it, with index.contents.declare({'day': date}), or in a shell with rag-embed declare KB day:date."
        )
    if not by and len(known) > 1:
        raise BadInput(f"Name the field that fresh reads with by: one of {', '.join(known)}.")
    if by and by not in known:
        near = nearest(by, known)
        hint = f" Did you mean {near!r}?" if near else ""
        raise BadInput(
            f"fresh reads a declared field of dates, one of {', '.join(known)}; got {by!r}.{hint}"
        )
    return by or known[0]


def over(weights: Mapping[str, float], legs: Sequence[str], fresh: Fresh) -> dict[str, float]:
    """Weights with that of freshness: its strength, as a share of what the legs weigh together."""
    return {**weights, FRESH: fresh.strength * sum(weights.get(leg, 0.0) for leg in legs)}


@dataclass(frozen=True, slots=True, eq=False)
class Freshness:
    """`protocols.Answers` of a prior: it proposes no chunk, and says of those of others how new they are.

    Attributes:
        view: The version that is searched.
        asked: Per query, with a field.
        now: Seconds since 1970.

    Examples:
        >>> from datetime import date
        >>> from rag_embed import Document, Index
        >>> from rag_embed.encoders import HashEncoder
        >>> index = Index.in_memory(encoder=HashEncoder(), fields={"day": date})
        >>> index.add(Document("a", "A red fox.", metadata={"day": date(1970, 1, 1)})).added
        1
        >>> one = Freshness(index.store.view(), [Fresh(10, "day")], now=20 * 86400)
        >>> one.score([["a#0-10"]])[0].tolist()
        [0.25]
    """

    view: View
    asked: Sequence[Fresh]
    now: float

    @classmethod
    def of(cls, view: View, asked: Sequence[Fresh]) -> Freshness:
        """Ages as they are now."""
        return cls(view, asked, time.time())

    def top(self, where: Sequence[Filter | None], n: int, /) -> list[tuple[list[str], Scores]]:
        """See `protocols.Answers`: nothing, so that nothing is found for being new alone."""
        return [([], np.empty(0, np.float32)) for _ in where]

    def score(self, ids: Sequence[Sequence[str]], /) -> list[Scores]:
        """See `protocols.Answers`: 1 for what is of today, half as much after each half-life."""
        return [self._new(some, one) for some, one in zip(ids, self.asked, strict=True)]

    def normalise(self, query: int, raw: Scores, /) -> Scores:
        """See `protocols.Answers`: it is on the common scale."""
        return raw

    def _new(self, ids: Sequence[str], fresh: Fresh) -> Scores:
        dates, step = self.view.dates(fresh.by, ids), fresh.half_life * _DAY / _STEPS
        ages = np.maximum(self.now // step * step - dates, 0.0) / _DAY
        found: Scores = (0.5 ** np.minimum(ages / fresh.half_life, 1000.0)).astype(np.float32)
        return np.nan_to_num(found)
