"""`Personal` asks another retriever for what its user means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rag_embed.personal.protocols import QueryTransform
from rag_embed.protocols import Retriever
from rag_embed.types import Hit, Query


@dataclass(frozen=True, slots=True)
class Personal:
    """A `protocols.Retriever` around any other.

    What a query may see is not changed: `Query.user` and `Query.where` reach the retriever as
    they came, whatever the transform makes of the query's vector.

    Attributes:
        retriever: Searches.
        transform: Changes the queries' vectors.
    """

    retriever: Retriever
    transform: QueryTransform

    def retrieve(self, queries: Sequence[Query], /) -> list[list[Hit]]:
        """See `protocols.Retriever`."""
        return self.retriever.retrieve(self.transform.transform(queries))
