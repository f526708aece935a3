"""Pairs for situated training without labels: sentences cut out of whole documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from rag_embed.arguments import count
from rag_embed.errors import BadInput
from rag_embed.training.pairs import Pair, sentences
from rag_embed.types import Chunk, Cut, Document

_SHORTEST = 4
"""Words that a chunk keeps."""


def clozed(
    cuts: Sequence[Cut], n: int = 1000, *, named: float = 0.5, seed: int = 0
) -> tuple[list[Cut], list[Pair]]:
    """Documents without some of their sentences, and these sentences as queries.

    A window of the document would show the query to the model; so the sentence goes out of the
    document, at most one of each chunk. Chunks must not overlap.

    Args:
        cuts: Documents with their chunks in reading order.
        n: Pairs at most.
        named: Share of the queries that begin with the document's title, as questions that name
            their subject do.
        seed: The same seed cuts the same sentences.

    Returns:
        The documents with their chunks, ids as before, and the pairs.

    Raises:
        BadInput: ``n`` < 1, ``named`` is not a share, or chunks overlap.

    Examples:
        >>> text = "We may share your data with partners. Partners are listed in part four below."
        >>> document = Document("d", text, title="Acme")
        >>> [(shorter, [chunk])], [pair] = clozed([Cut(document, [Chunk.of(document, 0, len(text))])])
        >>> chunk.text == shorter.text, pair.query.removeprefix("Acme: ") in shorter.text
        (True, False)
    """
    if n < 1 or not 0 <= named <= 1:
        raise BadInput(f"clozed() needs n >= 1 and named in [0, 1], got {n} and {named}.")
    rng = np.random.default_rng(count("seed", seed, 0))
    places = [(g, c) for g, (_, chunks) in enumerate(cuts) for c in range(len(chunks))]
    out: dict[tuple[int, int], tuple[int, int]] = {}
    for at in rng.permutation(len(places)):
        group, place = places[at]
        chunk = cuts[group][1][place]
        spans = sentences(chunk.text)
        if len(out) < n and spans:
            start, end = spans[rng.integers(len(spans))]
            if len(f"{chunk.text[:start]}{chunk.text[end:]}".split()) >= _SHORTEST:
                out[group, place] = (chunk.start + start, chunk.start + end)
    shorter, pairs = [], []
    for group, (document, chunks) in enumerate(cuts):
        mine = {place: out[group, place] for place in range(len(chunks)) if (group, place) in out}
        shorter.append(_without(document, chunks, mine))
        for place, (start, end) in mine.items():
            query = " ".join(document.text[start:end].split())
            if document.title and rng.random() < named:
                query = f"{document.title}: {query}"
            pairs.append(Pair(query, (chunks[place].id,), (document.id,)))
    return shorter, pairs


def _without(document: Document, chunks: Sequence[Chunk], out: dict[int, tuple[int, int]]) -> Cut:
    if any(one.end > other.start for one, other in pairwise(chunks)):
        raise BadInput(
            f"The chunks of {document.id!r} overlap, so a sentence cannot be cut out of one of them; "
            "split documents without overlap for training."
        )
    parts, begins, kept = [], 0, []
    gone = 0
    for place, chunk in enumerate(chunks):
        start = chunk.start - gone
        if place in out:
            first, after = out[place]
            parts.append(document.text[begins:first])
            begins = after
            gone += after - first
        kept.append((start, chunk.end - gone))
    text = "".join([*parts, document.text[begins:]])
    rest = [
        replace(chunk, text=text[start:end], start=start, end=end)
        for chunk, (start, end) in zip(chunks, kept, strict=True)
    ]
    return Cut(replace(document, text=text), rest)
