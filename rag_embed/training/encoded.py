"""Pairs with what the frozen model says about them, computed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rag_embed.encoders.sentence import SentenceEncoder
from rag_embed.errors import SpaceMismatch
from rag_embed.training.corpus import Corpus
from rag_embed.training.lora import embedded
from rag_embed.training.pairs import Pair
from rag_embed.types import Unit, Vectors


def base_encoder(corpus: Corpus, device: str | None) -> SentenceEncoder:
    """The model that encoded the corpus, in torch.

    Raises:
        SpaceMismatch: The model of that name is another one.
    """
    mine = corpus.signature
    encoder = SentenceEncoder(mine.model, device=device, query_prompt=mine.query_prompt)
    if encoder.signature.weights != mine.weights:
        raise SpaceMismatch(
            f"The corpus was encoded by {mine.model!r} with weights {mine.weights[:12]}..., the model "
            f"of that name here has {encoder.signature.weights[:12]}...; encode the corpus again."
        )
    return encoder


@dataclass(frozen=True, eq=False)
class Encoded:
    """Pairs with everything that the frozen model says about them.

    Attributes:
        corpus: What is searched.
        pairs: ``n`` of them.
        ids: Token ids of each query.
        queries: ``(n, dim)`` by the model as it is.
        targets: ``(n, dim)`` of the pairs' own texts; zero where a pair has none.
        group_by: What is ranked.
    """

    corpus: Corpus
    pairs: tuple[Pair, ...]
    ids: list[list[int]]
    queries: Vectors
    targets: Vectors
    group_by: Unit

    @classmethod
    def of(
        cls, encoder: SentenceEncoder, corpus: Corpus, pairs: Sequence[Pair], group_by: Unit
    ) -> Encoded:
        """Encode queries, and the texts that stand for chunks."""
        for pair in pairs:
            corpus.rows_of(pair.chunks + pair.ignored)
        prompt = encoder.signature.query_prompt
        ids = encoder.tokens.ids([prompt + pair.query for pair in pairs])
        targets = np.zeros((len(pairs), encoder.signature.dim), np.float32)
        at = [i for i, pair in enumerate(pairs) if pair.text]
        if at:
            targets[at] = encoder.encode_document([pairs[i].text for i in at])
        queries = embedded(encoder, ids).numpy()
        return cls(corpus, tuple(pairs), ids, queries, targets, group_by)

    def again(self, encoder: SentenceEncoder) -> Vectors:
        """The queries by the encoder as it is now."""
        rows: Vectors = embedded(encoder, self.ids).numpy()
        return rows

    def scores(self, queries: Vectors) -> npt.NDArray[np.float64]:
        """Per pair nDCG@10."""
        return self.corpus.ndcg(self.pairs, queries, self.targets, self.group_by)
