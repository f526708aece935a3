"""What every index ranks by: dense and lexical search, and token evidence where it keeps tokens."""

from __future__ import annotations

from collections.abc import Sequence

from rag_embed.protocols import ChunkEncoder, Leg, Store
from rag_embed.ranking.legs import DenseLeg, LexicalLeg
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


def token_matches(
    store: Store, space: ChunkEncoder, query: Query, hits: Sequence[Hit]
) -> list[Heat]:
    """Which words of a query found which words of each hit; none where the space keeps no tokens."""
    kept = with_tokens(space)
    if kept is None:
        return []
    [stage] = own_stages(store, space)
    return with_view(store, lambda view: heat(stage, kept, view, query, hits))
