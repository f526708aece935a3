"""Which terms of a learned sparse query found a hit, and how much each of them gave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rag_embed.protocols import SparseQueryEncoder, View
from rag_embed.types import Hit, Query

_MOST = 10
"""Terms that are named of a hit; most of those that it shares with a query give next to nothing."""


@dataclass(frozen=True, slots=True)
class TermMatch:
    """A term that query and chunk both weigh.

    Attributes:
        leg: Name of the leg.
        term: How the vocabulary writes it; ``##`` begins a piece that goes on a word.
        score: Product of both weights: its part of the leg's raw score.
    """

    leg: str
    term: str
    score: float

    def __str__(self) -> str:
        """For people."""
        return f"{self.term} ({self.score:.1f})"


def term_matches(
    space: str,
    encoder: SparseQueryEncoder,
    view: View,
    query: Query,
    hits: Sequence[Hit],
) -> list[tuple[TermMatch, ...]]:
    """Per hit the terms that gave most, best first.

    Args:
        space: Sparse space of the chunks, and name of its leg.
        encoder: Weighs the terms of the query.
        view: Holds the chunks; a hit that is not there has no terms.
        query: What was asked.
        hits: What was found.
    """
    [asked] = encoder.encode_query([query.text])
    there = {chunk.id for chunk in view.chunks([hit.id for hit in hits])}
    ids = [hit.id for hit in hits if hit.id in there]
    rows = dict(zip(ids, view.sparse(space, ids), strict=True))
    found: list[tuple[TermMatch, ...]] = []
    for hit in hits:
        if hit.id not in rows:
            found.append(())
            continue
        row = rows[hit.id]
        shared, mine, theirs = np.intersect1d(asked.ids, row.ids, return_indices=True)
        products = asked.weights[mine] * row.weights[theirs]
        order = np.argsort(-products, kind="stable")[:_MOST]
        terms = encoder.terms(shared[order].tolist())
        given = products[order].tolist()
        found.append(tuple(TermMatch(space, *one) for one in zip(terms, given, strict=True)))
    return found
