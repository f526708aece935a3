"""Other libraries, one file each: what they make of the same two legs.

Every file has ``fusions(legs)``: systems by the name that tables show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rag_embed import Index, Query
from rag_embed import evaluation as ev
from rag_embed.types import DENSE, LEXICAL, doc_id_of

DEPTH = 100
LEGS = (DENSE, LEXICAL)

Ranked = list[tuple[str, float]]


@dataclass(frozen=True)
class Legs:
    """The 100 best of each leg for every query, asked once and handed to all.

    Attributes:
        found: Leg -> text of the query -> document ids and scores, best first.
    """

    found: Mapping[str, Mapping[str, Ranked]]

    @classmethod
    def of(cls, index: Index, texts: Sequence[str]) -> Legs:
        view, queries = index.store.view(), [Query(text) for text in texts]
        found = {}
        for leg in index.experts.hybrid().legs:
            tops = leg.ask(view, queries).top([None] * len(texts), DEPTH)
            found[leg.name] = {
                text: [(doc_id_of(id), float(score)) for id, score in zip(ids, scores, strict=True)]
                for text, (ids, scores) in zip(texts, tops, strict=True)
            }
        return cls(found)


def fusions(legs: Legs) -> dict[str, ev.System]:
    """All peers."""
    from benchmarks.peers import langchain, llama_index, rrf  # they need the extra 'bench'

    return {
        name: system
        for peer in (rrf, langchain, llama_index)
        for name, system in peer.fusions(legs).items()
    }
