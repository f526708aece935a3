"""`PersonaPooling` lets a trained Persona-Plug choose which events bend a query."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from rag_embed.persona.plug import PersonaPlug
from rag_embed.personal.pooling import AttentionPooling, Pooled
from rag_embed.protocols import Histories
from rag_embed.types import Query, Vectors


@dataclass(frozen=True, slots=True)
class PersonaPooling:
    """A `personal.pooling.Pooling` for `personal.bend.Bend`: ``sum_i w_i value_i``.

    The weights are those of Persona-Plug, at its temperature, with the trained input encoder's
    vector of the query against the events' keys; an event's own weight is a factor. The paper
    measures no retrieval: choose the strength with `tuning.tune_personal`.

    Attributes:
        histories: Where events come from; encoded by the plug's history encoder.
        plug: Its language model and projector are not used.
    """

    histories: Histories
    plug: PersonaPlug

    def ask(self, queries: Sequence[Query], /) -> list[Callable[[Vectors], Pooled] | None]:
        """See `protocols.Pooling`."""
        temperature = self.plug.persona.temperature
        pools = AttentionPooling(self.histories, temperature=temperature, top=None).ask(queries)
        return [
            None if pool is None else partial(self._pooled, pool, query.text)
            for query, pool in zip(queries, pools, strict=True)
        ]

    def _pooled(self, pool: Callable[[Vectors], Pooled], text: str, row: Vectors) -> Pooled:
        """A query without a text is known by its vector alone."""
        return pool(self.plug.input_vectors([text])[0] if text.strip() else row)
