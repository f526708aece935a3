"""`Bend` moves a query towards its user: `unit(q + strength * direction of the pooled history)`.

`Personal` is the retriever that asks for what `Bend` made of a query.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from rag_embed.errors import BadInput
from rag_embed.maths.attention import bent, focus_gate, shrunk, similar_gate
from rag_embed.maths.vectors import unit
from rag_embed.personal.pooling import Pooled, Pooling
from rag_embed.protocols import QueryEncoder, QueryTransform, Retriever, Store
from rag_embed.stores.rereading import with_view
from rag_embed.types import DENSE, Hit, Principal, Query, Vectors, check_queries

Gate: TypeAlias = Callable[[Pooled], float]
"""How far to believe a pooled history for one query, in [0, 1]: `Similar`, `focused`, or your own."""

Centre: TypeAlias = Callable[[Principal], npt.NDArray[np.floating]]
"""Who asks -> ``(dim,)`` mean of the texts that they may read."""


@dataclass(frozen=True, slots=True)
class CorpusMean:
    """The mean of the vectors that somebody may read in a store.

    Attributes:
        store: Holds the corpus.
        space: Of the vectors.
    """

    store: Store
    space: str = DENSE

    def __call__(self, whom: Principal) -> npt.NDArray[np.floating]:
        """See `Centre`."""
        return with_view(self.store, lambda view: view.moments(self.space, whom).mean)


@dataclass(frozen=True, slots=True)
class Similar:
    """Believes a history that holds something like the query.

    Attributes:
        threshold: Cosine at which it is half believed.
        width: How gradually; > 0.
    """

    threshold: float = 0.3
    width: float = 0.05

    def __call__(self, pooled: Pooled) -> float:
        """See `Gate`."""
        return similar_gate(pooled.similarity, self.threshold, self.width)


def focused(pooled: Pooled) -> float:
    """Believes a history as far as attention picks few events: one minus normalised entropy."""
    return focus_gate(pooled.shares, pooled.count)


@dataclass(frozen=True, slots=True, eq=False)
class Bent:
    """What happened to one query.

    Attributes:
        query: ``(dim,)`` its vector before.
        vector: ``(dim,)`` its vector after, of length 1.
        towards: ``(dim,)`` of length 1.
        strength: What was left of the strength after shrinkage and gate.
        length: Of ``query + strength * towards``.
        spread: Length of the pooled vector less ``mean``, which ``towards`` is the direction of.
        mean: ``(dim,)`` what it was centred on; zeros for nothing.
        pooled: What was known.
    """

    query: Vectors
    vector: Vectors
    towards: Vectors
    strength: float
    length: float
    spread: float
    mean: npt.NDArray[np.floating]
    pooled: Pooled


@dataclass(frozen=True, slots=True)
class Bend:
    """A `protocols.QueryTransform`.

    A strength of 0, a query without a user, and a user without history change nothing: the very
    same query object comes back, and nothing is encoded.

    Attributes:
        pooling: Makes one vector of what is known.
        encoder: Encodes queries.
        strength: 0 is off. Below 0 it moves away from what all of the user's events share. Choose it
            with `tuning.tune_personal`: a strength that was not measured does harm more often than not.
        gate: ``None`` always believes.
        prior: ``n / (n + prior)`` of the strength counts for n events; 0 for no shrinkage.
        centre: Gives the ``(dim,)`` mean of the corpus that whoever asks may read, see `CorpusMean`: only what
            sets a history apart from it counts. Without it, much of a profile is what all texts have in
            common.
        space: Whose query vector is set, for the leg of that name. An expert over the same vectors
            keeps the query as its own encoder reads it: neither the strength nor the history's
            vectors were made for that encoder.

    Raises:
        BadInput: A parameter is out of range.
    """

    pooling: Pooling
    encoder: QueryEncoder
    strength: float = 0.0
    gate: Gate | None = None
    prior: float = 10.0
    centre: Centre | None = None
    space: str = DENSE

    def __post_init__(self) -> None:
        if not isfinite(self.strength) or not isfinite(self.prior) or self.prior < 0:
            raise BadInput(
                "Bend takes a finite strength and a finite prior >= 0, "
                f"got {self.strength!r} and {self.prior!r}."
            )

    def transform(self, queries: Sequence[Query], /) -> list[Query]:
        """See `protocols.QueryTransform`."""
        return [
            query
            if one is None
            else replace(query, vectors={**query.vectors, self.space: one.vector})
            for query, one in zip(queries, self.bent(queries), strict=True)
        ]

    def bent(self, queries: Sequence[Query], /) -> list[Bent | None]:
        """What `transform` does to each query; ``None`` for one that stays as it is."""
        found: list[Bent | None] = [None] * len(queries)
        if self.strength == 0:
            return found
        able = [i for i, q in enumerate(queries) if q.text.strip() or self.space in q.vectors]
        asks = zip(able, self.pooling.ask([queries[i] for i in able]), strict=True)
        known = {i: pool for i, pool in asks if pool is not None}
        rows = self._rows([queries[i] for i in known])
        for (i, pool), row in zip(known.items(), rows, strict=True):
            found[i] = self._one(queries[i].principal, row, pool(row))
        return found

    def _one(self, whom: Principal, row: Vectors, pooled: Pooled) -> Bent | None:
        trust = 1.0 if self.gate is None else self.gate(pooled)
        strength = self.strength * shrunk(pooled.count, self.prior) * trust
        mean = np.zeros(len(row)) if self.centre is None else self.centre(whom)
        own = pooled.vector.astype(np.float64) - mean
        spread = float(np.linalg.norm(own))
        if strength == 0 or spread < 1e-6:
            return None
        towards = unit(own[None])[0]
        length = float(np.linalg.norm(row + np.float32(strength) * towards))
        vector = bent(row, towards, strength)
        return Bent(row, vector, towards, strength, length, spread, mean, pooled)

    def _rows(self, queries: Sequence[Query]) -> Vectors:
        """Each query's own vector, or its encoded text."""
        encoded = [query.text for query in queries if self.space not in query.vectors]
        fresh = iter(self.encoder.encode_query(encoded) if encoded else ())
        rows = [
            unit(np.asarray(query.vectors[self.space], np.float32)[None])[0]
            if self.space in query.vectors
            else next(fresh)
            for query in queries
        ]
        return np.stack(rows) if rows else np.empty((0, 0), np.float32)


@dataclass(frozen=True, slots=True)
class Personal:
    """A `protocols.Retriever` around any other.

    What a query may see is not changed: `Query.user`, `Query.groups` and `Query.where` reach the retriever as
    they came, whatever the transform makes of the query's vector.

    Attributes:
        retriever: Searches.
        transform: Changes the queries' vectors.
    """

    retriever: Retriever
    transform: QueryTransform

    def retrieve(self, queries: Sequence[Query], /) -> list[list[Hit]]:
        """See `protocols.Retriever`."""
        check_queries(queries)
        return self.retriever.retrieve(self.transform.transform(queries))
