"""Re-ranking with the token vectors of a multi-vector model, the way it was trained to score.

For `rerank.Reranked`. Token evidence (`ranking.token_evidence`) asks the same vectors another
question: it weighs words by their rarity and leaves out tokens that stand for no word, which suits
models that were never trained for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rag_embed.errors import BadInput
from rag_embed.maths.chamfer import chamfer
from rag_embed.protocols import Store, TokenEncoder
from rag_embed.situated.tokens import WithTokens
from rag_embed.texts import Read, read_titled
from rag_embed.types import DENSE, Hit, Query, Scores, TokenBits, TokenRows, Vectors


@dataclass(frozen=True, slots=True)
class MaxSimReranker:
    """Full-precision MaxSim; the hits' texts are encoded when they are found.

    Equal to the model's own similarity. One forward pass a hit: nothing has to be kept in the index,
    so it works on any; `StoredMaxSimReranker` needs none.

    Attributes:
        encoder: `rag_embed.encoders.MultiVectorEncoder`, or any other encoder of tokens.
        read: What it reads of a hit; title, headings and text by default.
    """

    encoder: TokenEncoder
    read: Read = read_titled

    def rerank(self, query: Query, hits: Sequence[Hit], /) -> Scores:
        """See `protocols.Reranker`: ``sum_i max_j q_i . d_j``."""
        [asked] = self.encoder.encode_query_tokens([query.text], _rows)[1]
        _, found = self.encoder.encode_document_tokens([self.read(hit) for hit in hits], _rows)
        return chamfer(asked, found)


@dataclass(frozen=True, slots=True)
class StoredMaxSimReranker:
    """MaxSim with the sign bits that the index keeps of its chunks' tokens.

    No forward pass but the query's. Signs are taken about the model's mean token, so the query's
    tokens are centred too: ``sum_i max_j cos(q_i - mean, signs_j)``.

    Attributes:
        store: Where the chunks are.
        space: What they were encoded with: ``index.spaces.own`` of an index with ``tokens=True``.
        name: The space's name in the store.

    Raises:
        BadInput: The space keeps no tokens.

    Examples:
        >>> from rag_embed import Document, Index
        >>> from rag_embed.ranking.rerank import Reranked
        >>> index = Index.in_memory(tokens=True)
        >>> index.add([Document("a", "Ada likes chess."), Document("b", "Ben likes limes.")]).added
        2
        >>> reranker = StoredMaxSimReranker(index.store, index.spaces.own)
        >>> Reranked(index.retriever, reranker).retrieve([Query("chess")])[0][0].text
        'Ada likes chess.'
    """

    store: Store
    space: WithTokens
    name: str = DENSE

    def __post_init__(self) -> None:
        if not isinstance(self.space, WithTokens):
            raise BadInput(
                f"StoredMaxSimReranker needs a space that keeps tokens, got "
                f"{type(self.space).__name__}: Index.create(tokens=True), or MaxSimReranker."
            )

    def rerank(self, query: Query, hits: Sequence[Hit], /) -> Scores:
        """See `protocols.Reranker`; a chunk that was deleted since it was found scores 0."""
        [asked] = self.space.read_query([query.text])[1]
        view = self.store.view()
        there = {chunk.id for chunk in view.chunks([hit.id for hit in hits])}
        kept = [i for i, hit in enumerate(hits) if hit.id in there]
        scores = np.zeros(len(hits), dtype=np.float32)
        found = view.tokens(self.name, [hits[i].id for i in kept])
        dim = asked.rows.shape[1]
        scores[kept] = chamfer(asked.rows, [_signs(one, dim) for one in found])
        return scores


def _rows(tokens: TokenRows) -> Vectors:
    return tokens.rows.copy()


def _signs(tokens: TokenBits, dim: int) -> Vectors:
    """``(n, dim)`` rows of length 1."""
    signs = np.unpackbits(tokens.bits, axis=1, count=dim).astype(np.float32) * 2.0 - 1.0
    return (signs / np.float32(np.sqrt(dim))).astype(np.float32)
