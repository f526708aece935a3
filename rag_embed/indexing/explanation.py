"""Why a hit was found: all that can be said of it, for every way in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rag_embed.analysis import Analyzer
from rag_embed.personal.influence import Moved
from rag_embed.ranking.term_matches import TermMatch
from rag_embed.ranking.token_matches import Heat
from rag_embed.texts import titled
from rag_embed.types import Hit, Query


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """Why one hit was found.

    Attributes:
        hit: The hit; its parts say what each leg added, its route what the router decided.
        words: Words of the query, as lexical search reads them, that the hit holds too.
        tokens: Which word of the query found which; None where the index keeps no tokens.
        terms: Terms that legs of sparse spaces found the hit by, best first; empty where none was asked.
        personal: What a history, or the talk so far, added; None while the index bends no query.
    """

    hit: Hit
    words: tuple[str, ...]
    tokens: Heat | None
    terms: tuple[TermMatch, ...]
    personal: Moved | None

    @property
    def explained(self) -> dict[str, Any]:
        """All of it for a JSON document."""
        hit = self.hit
        return {
            "id": hit.id,
            "score": hit.score,
            "relevance": hit.relevance,
            "parts": [part.explained for part in hit.parts],
            "route": hit.route.explained if hit.route else None,
            "words": list(self.words),
            "token_matches": [asdict(one) for one in self.tokens.matches] if self.tokens else [],
            "terms": [asdict(one) for one in self.terms],
            "personal": self.personal.explained if self.personal else None,
        }


def explanations(
    analyzer: Analyzer,
    query: Query,
    hits: Sequence[Hit],
    told: Sequence[Hit],
    tokens: Sequence[Heat],
    terms: Sequence[tuple[TermMatch, ...]],
    personal: Sequence[Moved],
) -> list[Explanation]:
    """One explanation per hit, in order.

    Args:
        analyzer: Reads words as lexical search does.
        query: What was asked.
        hits: What was found.
        told: Those that the others are about.
        tokens: One per hit that is told, or none at all.
        terms: Some per hit that is told, or none at all.
        personal: One per hit that is told, or none at all.
    """
    asked = tuple(dict.fromkeys(analyzer.asked(query.text)))
    found = [set(analyzer.words(titled(hit.chunk))) for hit in hits]
    place = {hit.id: i for i, hit in enumerate(told)}
    at = [place.get(hit.id, len(told)) for hit in hits]
    return [
        Explanation(
            hit,
            tuple(word for word in asked if word in found[i]),
            tokens[at[i]] if at[i] < len(tokens) else None,
            terms[at[i]] if at[i] < len(terms) else (),
            personal[at[i]] if at[i] < len(personal) else None,
        )
        for i, hit in enumerate(hits)
    ]
