"""What every index ranks by: dense and lexical search, and token evidence where it keeps tokens."""

from __future__ import annotations

from collections.abc import Sequence

from rag_embed.indexing.settings import read
from rag_embed.indexing.spaces import Spaces
from rag_embed.protocols import ChunkEncoder, Leg, Store, View
from rag_embed.ranking.legs import DenseLeg, LexicalLeg
from rag_embed.ranking.term_matches import TermMatch, term_matches
from rag_embed.ranking.token_evidence import TokenStage
from rag_embed.ranking.token_matches import Heat, heat
from rag_embed.situated.tokens import with_tokens
from rag_embed.stores.rereading import with_view
from rag_embed.types import DENSE, Hit, Query


def own_legs(space: ChunkEncoder) -> tuple[Leg, ...]:
    """The two legs of an index with this space."""
    return DenseLeg(DENSE, space), LexicalLeg()


def own_stages(store: Store, space: ChunkEncoder) -> tuple[TokenStage, ...]:
    """Token evidence, where the space keeps tokens."""
    kept = with_tokens(space)
    return () if kept is None else (TokenStage(kept, DENSE, frozenset(store.analyzer.stopped)),)


def as_found(store: Store, hits: Sequence[Hit]) -> list[Hit]:
    """Without hits whose chunk others may read by now: what is stored of it was not meant for who has them."""
    ids = [hit.id for hit in hits]
    found = with_view(store, lambda view: view.chunks(ids))
    now = {chunk.id: chunk.audience for chunk in found}
    return [hit for hit in hits if now.get(hit.id, hit.chunk.audience) == hit.chunk.audience]


def matched(
    store: Store, spaces: Spaces, query: Query, hits: Sequence[Hit]
) -> tuple[list[Heat], list[tuple[TermMatch, ...]]]:
    """Per hit, which words and which terms of a query found which; empty where nothing tells."""
    legs = {part.leg for hit in hits for part in hit.parts}
    asked = [name for name in read(store).sparse if name in legs]

    def terms(view: View) -> list[list[tuple[TermMatch, ...]]]:
        encoders = [(name, spaces.sparse.queries(name)) for name in asked]
        return [term_matches(*one, view, query, hits) for one in encoders]

    found = zip(*with_view(store, terms), strict=True) if asked else ()
    together = [tuple(one for some in row for one in some) for row in found]
    return token_matches(store, spaces.own, query, hits), together


def token_matches(
    store: Store, space: ChunkEncoder, query: Query, hits: Sequence[Hit]
) -> list[Heat]:
    """Which words of a query found which words of each hit; none where the space keeps no tokens."""
    kept = with_tokens(space)
    if kept is None:
        return []
    [stage] = own_stages(store, space)
    return with_view(store, lambda view: heat(stage, kept, view, query, hits))
