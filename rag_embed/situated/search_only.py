"""`SearchOnly` stands in where whoever situated the chunks is not at hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rag_embed.errors import BadInput, ModelUnavailable
from rag_embed.situated.space import TextSpace
from rag_embed.types import Cut


@dataclass(frozen=True, slots=True)
class SearchOnly(TextSpace):
    """A space whose situating part is not at hand: queries can be encoded, documents cannot.

    Attributes:
        encoder: Encodes queries.
        chunks: How the chunks were situated.
        remedy: Why no model is at hand, and what to pass; empty where only what situated the chunks is not.
    """

    chunks: str
    remedy: str = ""

    @property
    def way(self) -> str:
        """See `space.TextSpace`."""
        return self.chunks

    def texts(self, cuts: Sequence[Cut], /) -> list[str]:
        """Always raises BadInput, or ModelUnavailable."""
        if self.remedy:
            raise ModelUnavailable(self.remedy)
        raise BadInput(
            f"The chunks of this index are situated by {self.chunks!r}: to add documents, open it "
            "with Index.open(..., situate=...) and what was given to Index.create."
        )

    def sources(self, cuts: Sequence[Cut], /) -> list[str] | None:
        """See `protocols.SituatedSpace`; what was read is not known."""
        return None

    def shown(self, cuts: Sequence[Cut], /) -> list[str | None]:
        """See `protocols.SituatedSpace`; what was encoded is not known."""
        return [None for _, chunks in cuts for _ in chunks]
