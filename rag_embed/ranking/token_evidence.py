"""Token evidence: the best candidates are looked at again, word by word.

One vector blurs names and conjunctions; the token vectors it was pooled from do not. They are only
read for the best candidates of the legs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rag_embed.maths.maxsim import maxsim
from rag_embed.protocols import Answers, TokenReader, View
from rag_embed.text import word_around
from rag_embed.types import DENSE, TOKENS, Principal, Query, Scores, TokenRows

EQUAL = 1 / 6
"""MaxSim that counts as much as the best lexical hit; chosen by ``python -m benchmarks tokens``."""


@dataclass(frozen=True, slots=True)
class TokenStage:
    """A `protocols.SecondStage` of token vectors.

    The evidence is `maths.maxsim.maxsim` of the query's tokens, weighted by their rarity in the
    corpus (`maths.frequencies`), divided by `EQUAL`. Stop words and punctuation have no weight: a
    word such as *who* that a question is made of may be in no document, and would weigh most. A
    query that is nothing but a vector has no evidence.

    A query whose tokens the leg over the same space has read already takes no further forward pass.

    Attributes:
        reader: Reads the tokens of queries, for example `situated.tokens.WithTokens`.
        space: Space that keeps the tokens of the chunks, and name of the leg over it.
        stop_words: Words without weight; those of lexical search.
        name: Name of the evidence, and the key of its weight.
    """

    reader: TokenReader
    space: str = DENSE
    stop_words: frozenset[str] = frozenset()
    name: str = TOKENS

    def ask(
        self, view: View, queries: Sequence[Query], answers: Mapping[str, Answers], /
    ) -> TokenEvidence:
        """See `protocols.SecondStage`."""
        leg = answers.get(self.space)
        read: dict[str, TokenRows] = dict(getattr(leg, "tokens", {}))  # of a `TokensRead`
        texts = [query.text for query in queries if query.text.strip()]
        if lacking := [text for text in texts if text not in read]:
            read.update(zip(lacking, self.reader.read_query(lacking)[1], strict=True))
        said = {text: self.said(text, read[text]) for text in texts}
        asking = [query.principal for query in queries]
        return TokenEvidence(self.space, view, asking, [said.get(query.text) for query in queries])

    def said(self, text: str, tokens: TokenRows) -> TokenRows:
        """The tokens of a query that have weight."""
        kept = [i for i, span in enumerate(tokens.spans) if not self._silent(text, *span)]
        return replace(
            tokens,
            ids=tokens.ids[kept],
            rows=tokens.rows[kept],
            spans=tokens.spans[kept],
            norms=None,
        )

    def _silent(self, text: str, start: int, end: int) -> bool:
        """Whether a token is punctuation or part of a stop word."""
        if not any(letter.isalnum() for letter in text[start:end]):
            return True
        start, end = word_around(text, start, end)
        return text[start:end].lower() in self.stop_words


@dataclass(frozen=True, slots=True, eq=False)
class TokenEvidence:
    """What a `TokenStage` says about a batch of queries.

    Attributes:
        space: Space that keeps the tokens of the chunks.
        view: The version that is searched.
        asking: Who asks each query.
        said: Tokens of each query that have weight; None for a query without text.
    """

    space: str
    view: View
    asking: Sequence[Principal]
    said: Sequence[TokenRows | None]

    def score(self, query: int, ids: Sequence[str], /) -> Scores | None:
        """MaxSim of the query with each chunk; None where no token of the query has weight."""
        tokens = self.said[query]
        if tokens is None or not len(tokens.ids):
            return None
        weights = self.view.frequencies(self.space, self.asking[query]).idf(tokens.ids)
        kept = self.view.tokens(self.space, ids)
        return maxsim(tokens.rows, weights, [one.bits for one in kept])

    def normalise(self, query: int, raw: Scores, /) -> Scores:
        """See `protocols.Evidence`."""
        return (raw / np.float32(EQUAL)).astype(np.float32)
