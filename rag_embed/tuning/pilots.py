"""Making pilots: labelled queries are put to all legs of a retriever, once.

Test labels cannot become pilots by accident: `fitted` splits the queries by the documents that answer
them and hands the other side back; a router is only measured on queries that share no such document
with its pilots (`tuning.router_report`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from rag_embed.errors import BadInput
from rag_embed.evaluation.collection import Collection, answers, halves
from rag_embed.evaluation.shared import shared
from rag_embed.maths.weighing import listwise, sharpness
from rag_embed.ranking.hybrid import Hybrid
from rag_embed.routing.pilots import Pilots, model_name
from rag_embed.tuning.candidates import Candidates, gathered, utilities
from rag_embed.types import Hit, OnProgress, Progress, Query, Signature, doc_id_of

Mixtures = Mapping[str, Mapping[str, float]]

FEEDBACK = "feedback"
"""Source of pilots that come from users."""


def learned(
    hybrid: Hybrid,
    signature: Signature,
    collection: Collection,
    *,
    mixtures: Mixtures | None = None,
    known: Sequence[Candidates] | None = None,
    progress: OnProgress | None = None,
) -> Pilots:
    """Turn labelled queries into pilots.

    Args:
        hybrid: Its legs are the experts, its weights the default mixture; a router is not asked.
        signature: Of the base encoder, `Spaces.own.signature`.
        collection: The queries with their labels; its documents are in the index already. What is
            learned from must not be reported on: see `fitted`.
        mixtures: What to compare as whole experts; each leg alone when None.
        known: What the legs say of each of ``collection.judged``, if that was `gathered` before.
        progress: Called after each batch.

    Raises:
        BadInput: No query has an answer, a label tells of a user, or the default mixture counts no leg
            that compares vectors.
    """
    _check_base(hybrid)
    if told := shared(collection, hybrid.store).told:
        raise BadInput(
            f"Pilots are shown to everybody, so they cannot be learned from all of {collection.name!r}: "
            "pass evaluation.shared(labels, store).labels instead of it. " + told
        )
    ids = collection.judged
    if not ids:
        raise BadInput(f"{collection.name!r} has no query with a relevant document; label some.")
    queries = [Query(collection.queries[id]) for id in ids]
    documents = answers(collection)
    judged = [collection.qrels[id] for id in ids]
    return _measured(
        hybrid,
        signature,
        queries,
        [collection.name] * len(ids),
        judged,
        [tuple(sorted(documents[id])) for id in ids],
        each_alone(hybrid) if mixtures is None else mixtures,
        progress,
        known,
    )


def fitted(
    hybrid: Hybrid,
    signature: Signature,
    collections: Sequence[Collection],
    *,
    seed: int = 0,
    mixtures: Mixtures | None = None,
    progress: OnProgress | None = None,
) -> tuple[Pilots, list[Collection]]:
    """Learn from one half of each collection's queries.

    Returns:
        The pilots, and the other halves to measure on: no document answers queries of both.

    Raises:
        BadInput: No collection, or one that cannot be split by document.
    """
    if not collections:
        raise BadInput("Nothing to learn from: give at least one labelled collection.")
    split = [halves(collection, seed) for collection in collections]
    parts = [
        learned(hybrid, signature, train, mixtures=mixtures, progress=progress)
        for train, _ in split
    ]
    pilots = parts[0]
    for part in parts[1:]:
        pilots = pilots.joined(part)
    return pilots, [test for _, test in split]


def confirmed(
    pilots: Pilots, hybrid: Hybrid, signature: Signature, query: str | Query, hit: Hit
) -> Pilots:
    """The pilots and one more: a user says that this hit was right.

    Raises:
        SpaceMismatch: The pilots come from another encoder.
        BadInput: The retriever's experts are not those of the pilots; or the query has a user or the
            hit an owner: routes show their pilots to everybody.
    """
    asked = query if isinstance(query, Query) else Query(query)
    if asked.user is not None or asked.groups or not hit.chunk.audience.everybody:
        raise BadInput(
            "A pilot is shown to every user, so a query with a user or a hit with an owner cannot "
            "become one; ask without a user, about shared documents."
        )
    document = hit.chunk.doc_id
    new = _measured(
        hybrid,
        signature,
        [asked],
        [FEEDBACK],
        [{document: 1}],
        [(document,)],
        pilots.mixtures,
        None,
        sharp=float(np.mean(pilots.sharpness)),
    )
    return pilots.joined(new)


def each_alone(hybrid: Hybrid) -> dict[str, dict[str, float]]:
    """Every leg as an expert of its own."""
    return {leg.name: {leg.name: 1.0} for leg in hybrid.legs}


def _measured(
    hybrid: Hybrid,
    signature: Signature,
    queries: Sequence[Query],
    sources: Sequence[str],
    judged: Sequence[Mapping[str, float]],
    documents: Sequence[tuple[str, ...]],
    mixtures: Mixtures,
    progress: OnProgress | None,
    known: Sequence[Candidates] | None = None,
    sharp: float | None = None,
) -> Pilots:
    _check_base(hybrid)
    legs = tuple(hybrid.mixture)
    n, p = len(queries), len(legs)
    weights = np.array(list(hybrid.mixture.values()))
    vectors, values = [], np.zeros((n, len(mixtures)), dtype=np.float32)
    listed = []
    for i, one in enumerate(gathered(hybrid, queries) if known is None else known):
        vectors.append(one.vector)
        values[i] = utilities([one], [judged[i]], list(mixtures.values()))[0]
        listed.append(_listed(one, legs, hybrid.weights, judged[i]))
        if progress:
            progress(Progress(i + 1, n))
    if sharp is None:
        sharp = sharpness([x @ weights for x, _ in listed], [grades for _, grades in listed])
    slopes, curves = np.zeros((n, p), np.float32), np.zeros((n, p, p), np.float32)
    for i, (scores, grades) in enumerate(listed):
        if grades.any():
            slopes[i], curves[i] = listwise(sharp * scores, grades, weights)
    return Pilots(
        model=model_name(signature),
        legs=legs,
        default=hybrid.mixture,
        mixtures={name: dict(one) for name, one in mixtures.items()},
        texts=tuple(query.text for query in queries),
        sources=tuple(sources),
        documents=tuple(documents),
        vectors=np.array(vectors, dtype=np.float32),
        utilities=values,
        gradients=slopes,
        hessians=curves,
        sharpness=np.full(n, sharp, dtype=np.float32),
    )


def _listed(
    one: Candidates,
    legs: Sequence[str],
    weights: Mapping[str, float],
    judged: Mapping[str, float],
) -> tuple[np.ndarray, np.ndarray]:
    """The best documents by the default mixture, each at its best chunk: legs' scores, grades."""
    place = {id: i for i, id in enumerate(one.ids)}
    chunks: dict[str, int] = {}
    for id in one.ranked(weights)[: one.depth]:
        chunks.setdefault(doc_id_of(id), place[id])
    rows = list(chunks.values())
    scores = np.stack([one.said(leg, rows) for leg in legs], axis=1)
    return scores, np.array([max(judged.get(id, 0), 0) for id in chunks], dtype=np.float64)


def _check_base(hybrid: Hybrid) -> None:
    if hybrid.base is None:
        raise BadInput(
            "A pilot is found by the query's vector, so the default weights must count a leg that "
            f"compares vectors; they are {dict(hybrid.weights)}."
        )
