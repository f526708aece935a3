"""`Affinity` scores hits by what the user likes: an alternative to `Bend` that finds the same candidates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rag_embed.arguments import check_is, is_number, set_counts
from rag_embed.errors import BadInput
from rag_embed.maths.attention import shrunk
from rag_embed.maths.vectors import unit
from rag_embed.protocols import Histories, Store
from rag_embed.ranking.legs import Z_EQUAL
from rag_embed.types import DENSE, Hit, Query, Scores


@dataclass(frozen=True, slots=True)
class Affinity:
    """A `protocols.Reranker`: ``n / (n + prior) * z / Z_EQUAL``, for a user with ``n`` events.

    ``z`` is the mean cosine of a hit with the `nearest` of the user's values, in standard deviations
    of the corpus: the scale of the dense leg, so take ``Reranked(..., weight=, spread=False)``. A user
    without history is not re-ranked. Events of which the hit itself is the outcome say nothing new:
    leave their outcomes out of the search.

    Attributes:
        store: Holds the chunks' vectors.
        histories: Where events come from.
        nearest: Values that a hit is compared with, >= 1.
        prior: How many events count half.
        space: The space of the vectors.

    Raises:
        BadInput: A parameter is out of range.
    """

    store: Store
    histories: Histories
    nearest: int = 3
    prior: float = 10.0
    space: str = DENSE

    def __post_init__(self) -> None:
        check_is("Affinity.store", self.store, Store)
        check_is("Affinity.histories", self.histories, Histories)
        set_counts(self, 1, "nearest")
        if not is_number(self.prior) or not self.prior >= 0:
            raise BadInput(f"Affinity takes prior >= 0, got {self.prior!r}.")

    def rerank(self, query: Query, hits: Sequence[Hit], /) -> Scores | None:
        """See `protocols.Reranker`."""
        if query.user is None:
            return None
        values = self.histories.history(query.user).values
        if not len(values):
            return None
        view = self.store.view()
        cosines = values @ view.vectors(self.space, [hit.id for hit in hits]).T
        top = min(self.nearest, len(values))
        nearest = -np.partition(-cosines, top - 1, axis=0)[:top]
        mean = unit(values.mean(axis=0, dtype=np.float64)[None])[0]
        raw = nearest.mean(axis=0).astype(np.float32)
        z = view.moments(self.space, query.principal).z(mean, raw)
        found: Scores = (shrunk(len(values), self.prior) * z / Z_EQUAL).astype(np.float32)
        return found
