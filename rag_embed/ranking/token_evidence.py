"""Token evidence: the best candidates are looked at again, word by word.

One vector blurs names and conjunctions; the token vectors it was pooled from do not. They are only
read for the best candidates of the other evidence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rag_embed.filters import Filter
from rag_embed.maths.maxsim import maxsim
from rag_embed.protocols import View
from rag_embed.ranking.legs import DenseAnswers, DenseLeg
from rag_embed.situated.tokens import WithTokens
from rag_embed.text import word_around
from rag_embed.types import Query, Scores, TokenRows, Vectors

TOKENS = "tokens"
"""Name of this evidence in explanations, and the key of its weight."""

EQUAL = 1 / 6
"""MaxSim that counts as much as the best lexical hit; chosen by benchmarks/tokens.py."""


@dataclass(frozen=True, slots=True)
class LateLeg:
    """A `DenseLeg` with token evidence, both from one forward pass of the query.

    The evidence is `maths.maxsim.maxsim` of the query's tokens, weighted by their rarity in the
    corpus (`maths.frequencies`), divided by `EQUAL`. Stop words and punctuation have no weight: a
    word such as *who* that a question is made of may be in no document, and would weigh most. A
    query that is nothing but a vector has no evidence.

    Attributes:
        name: The space.
        space: Encodes queries, tokens included.
        stop_words: Without weight; those of lexical search.
    """

    name: str
    space: WithTokens
    stop_words: frozenset[str] = frozenset()

    def ask(self, view: View, queries: Sequence[Query]) -> LateAnswers:
        """See `legs.Leg`."""
        recorder = _Recorder(self.space, {})
        dense = DenseLeg(self.name, recorder, self.name).ask(view, queries)
        recorder.read([query.text for query in queries if query.text.strip()])
        asked = [self._said(query.text, recorder.tokens) for query in queries]
        return LateAnswers(self.name, view, dense, asked)

    def _said(self, text: str, known: Mapping[str, TokenRows]) -> TokenRows | None:
        """The tokens with weight."""
        tokens = known.get(text)
        if tokens is None:
            return None
        said = [i for i, span in enumerate(tokens.spans) if not self._silent(text, *span)]
        return replace(
            tokens,
            ids=tokens.ids[said],
            rows=tokens.rows[said],
            spans=tokens.spans[said],
            norms=None,
        )

    def _silent(self, text: str, start: int, end: int) -> bool:
        """Whether a token is punctuation or part of a stop word."""
        if not any(letter.isalnum() for letter in text[start:end]):
            return True
        start, end = word_around(text, start, end)
        return text[start:end].lower() in self.stop_words


@dataclass(frozen=True, slots=True, eq=False)
class LateAnswers:
    """Answers of a `LateLeg`: those of its dense leg, and evidence for given chunks."""

    space: str
    view: View
    dense: DenseAnswers
    asked: list[TokenRows | None]

    def top(self, where: Sequence[Filter | None], n: int) -> list[tuple[list[str], Scores]]:
        """See `legs.Answers`."""
        return self.dense.top(where, n)

    def score(self, ids: Sequence[Sequence[str]]) -> list[Scores]:
        """See `legs.Answers`."""
        return self.dense.score(ids)

    def normalise(self, query: int, raw: Scores) -> Scores:
        """See `legs.Answers`."""
        return self.dense.normalise(query, raw)

    def evidence(self, query: int, ids: Sequence[str]) -> Scores | None:
        """MaxSim of the query with each chunk; None where the query has no tokens."""
        tokens = self.asked[query]
        if tokens is None or not len(tokens.ids):
            return None
        user = self.dense.users[query]
        weights = self.view.frequencies(self.space, user).idf(tokens.ids)
        kept = self.view.tokens(self.space, ids)
        return maxsim(tokens.rows, weights, [one.bits for one in kept])


@dataclass(frozen=True, slots=True)
class _Recorder:
    """Encodes queries for a `DenseLeg` and remembers their tokens by text."""

    space: WithTokens
    tokens: dict[str, TokenRows]

    def encode_query(self, texts: Sequence[str], /) -> Vectors:
        rows, tokens = self.space.encode_query_tokens(texts)
        self.tokens.update(zip(texts, tokens, strict=True))
        return rows

    def read(self, texts: Sequence[str]) -> None:
        """The tokens of texts that were not encoded, since their queries bring a vector."""
        if lacking := [text for text in texts if text not in self.tokens]:
            self.encode_query(lacking)


def normalised(raw: Scores) -> Scores:
    """MaxSim on the common scale of the fusion."""
    return (raw / np.float32(EQUAL)).astype(np.float32)
