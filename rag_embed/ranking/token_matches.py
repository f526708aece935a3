"""Token evidence made visible: which word of a query found which word of a chunk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rag_embed.maths.maxsim import cosines
from rag_embed.protocols import View
from rag_embed.ranking.token_evidence import TokenStage
from rag_embed.situated.tokens import WithTokens
from rag_embed.text import word_around
from rag_embed.texts import titled
from rag_embed.types import Cut, Hit, Query, Scores, Spans


@dataclass(frozen=True, slots=True)
class Match:
    """What one word of the query found.

    Attributes:
        word: Of the query; once for each of the tokens it is made of.
        found: The word that is most like it.
        start: Where ``found`` begins in `Heat.text`.
        end: Where it ends.
        similarity: Cosine of the two tokens, in [0, 1].
        share: What the match adds to MaxSim: ``w * similarity^2 / sum of w``.
    """

    word: str
    found: str
    start: int
    end: int
    similarity: float
    share: float


@dataclass(frozen=True, slots=True, eq=False)
class Heat:
    """How a chunk's tokens answer a query.

    Attributes:
        text: What was encoded for the chunk: its text, and what was put before it. Where that was not
            kept, its title, headings and text, without spans and matches.
        spans: ``(n, 2)`` int64 characters of the kept tokens.
        warmth: ``(n,)`` float32 >= 0: the largest ``w * similarity^2 / sum of w`` of each token.
        matches: One per query token that has weight, largest share first. The shares add up to the
            raw score of the token evidence.
    """

    text: str
    spans: Spans
    warmth: Scores
    matches: tuple[Match, ...]


def heat(
    stage: TokenStage, space: WithTokens, view: View, query: Query, hits: Sequence[Hit]
) -> list[Heat]:
    """Explain the token evidence of hits.

    Args:
        stage: What gave the evidence.
        space: How the chunks were encoded.
        view: The version that was searched.
        query: Its text is encoded; a query that is nothing but a vector has no evidence.
        hits: Chunks of this version.

    Returns:
        One per hit, in order; without matches where there is no evidence. Nothing is written anew.
    """
    [asked] = stage.ask(view, [query], {}).said
    kept = view.tokens(stage.space, [hit.id for hit in hits])
    known = _texts(space, view, hits)
    found = []
    for hit, tokens in zip(hits, kept, strict=True):
        text = known.get(hit.id)
        if text is None:
            nothing = np.empty((0, 2), np.int64), np.empty(0, np.float32)
            found.append(Heat(titled(hit.chunk), *nothing, ()))
            continue
        spans = space.encoder.token_spans(text)[: len(tokens.ids)]
        if asked is None or not len(asked.ids) or not len(tokens.ids):
            found.append(Heat(text, spans, np.zeros(len(spans), np.float32), ()))
            continue
        weights = view.frequencies(stage.space, query.principal).idf(asked.ids)
        similar = np.maximum(cosines(asked.rows, tokens.bits), 0.0)
        shares = similar**2 * weights / weights.sum()
        best = similar.argmax(axis=0)
        matches = [
            _match(query.text, span, text, spans[at], float(similar[at, i]), float(shares[at, i]))
            for i, (span, at) in enumerate(zip(asked.spans, best, strict=True))
        ]
        warmth = shares.max(axis=1).astype(np.float32)
        found.append(Heat(text, spans, warmth, tuple(sorted(matches, key=lambda m: -m.share))))
    return found


def found_words(heat: Heat, most: int = 5) -> list[Match]:
    """The matches that add most, one per word of the query; those that add next to nothing left out."""
    best: dict[str, Match] = {}
    for match in heat.matches:
        best.setdefault(match.word.lower(), match)
    least = 0.1 * max((match.share for match in best.values()), default=0.0)
    return [match for match in best.values() if match.share > least][:most]


def _texts(space: WithTokens, view: View, hits: Sequence[Hit]) -> dict[str, str]:
    """By chunk what was encoded for it, as far as that was kept, of the documents of hits."""
    documents = view.documents(list(dict.fromkeys(hit.chunk.doc_id for hit in hits)))
    cuts = [Cut(document, view.document_chunks(document.id)) for document in documents]
    chunks = [chunk for _, some in cuts for chunk in some]
    texts = zip(chunks, space.shown(cuts), strict=True)
    return {chunk.id: text for chunk, text in texts if text is not None}


def _match(
    query: str, asked: Spans, text: str, there: Spans, similarity: float, share: float
) -> Match:
    begins, ends = word_around(query, int(asked[0]), int(asked[1]))
    start, end = word_around(text, int(there[0]), int(there[1]))
    return Match(query[begins:ends], text[start:end], start, end, similarity, share)
