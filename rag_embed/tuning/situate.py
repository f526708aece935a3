"""Which way to situate chunks suits a corpus: measured on a sample of it, with labels or without.

Without labels the queries are sentences cut *out* of the documents (`training.clozed`), half of them
named by their document's title: what is left, and what situates it, must find the place again.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rag_embed.errors import BadInput
from rag_embed.maths.metrics import ndcg
from rag_embed.maths.resampling import paired_bootstrap
from rag_embed.protocols import ChunkEncoder, Encoder, Splitter
from rag_embed.ranking.hybrid import Hybrid
from rag_embed.ranking.legs import DenseLeg, LexicalLeg
from rag_embed.ranking.relevance import default
from rag_embed.situated.expressions import FULL, STANDARD, situated
from rag_embed.situated.residual import encoded
from rag_embed.situated.space import written
from rag_embed.stores.memory import MemoryStore
from rag_embed.training.clozed import clozed
from rag_embed.types import Cut, Document, Grouping, Query, Vectors, doc_id_of

CANDIDATES = ("isolated", "titled", "headed(isolated,1)", "headed(titled,1.5)", STANDARD, FULL)
"""What is tried: from no context to all that is cheap."""

_DOUBT = 0.05
"""Chance to leave the standard for what is no better, all candidates together."""

_FEWEST = 20
"""Queries below which no difference is taken for real."""

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Measured:
    """One candidate.

    Attributes:
        name: See `situated.expressions`.
        value: Mean nDCG@10.
        gain: Mean difference to the standard.
        low: Lower end of its interval; those of all candidates hold together with 95 % (Bonferroni), as
            the best of several looks better than it is.
        high: Upper end.
    """

    name: str
    value: float
    gain: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen, and why.

    Attributes:
        name: For ``Index.create(situate=...)``.
        reason: In words.
        table: All candidates, the best first.
        queries: How many were asked.
        labelled: Whether they were the user's own.
    """

    name: str
    reason: str
    table: tuple[Measured, ...]
    queries: int
    labelled: bool


def choose(
    documents: Iterable[Document],
    splitter: Splitter,
    encoder: Encoder,
    labels: Mapping[str, Sequence[str]] | None = None,
    *,
    candidates: Sequence[str] = CANDIDATES,
    weights: Mapping[str, float] | None = None,
    chunks: int = 600,
    seed: int = 0,
) -> Choice:
    """Measure ways to situate chunks on a sample, dense and lexical evidence together.

    The standard stays unless another is better with 95 % confidence on these queries, all
    comparisons together.

    Args:
        documents: The corpus, or a good part of it; held in memory.
        splitter: Cuts documents; without overlap where there are no labels.
        encoder: Gives token vectors, for ``late``; candidates that it cannot do are left out.
        labels: Query text -> ids of the documents that answer it, at least 20. Without it,
            sentences of the documents are asked: that favours what finds a passage by its content.
        candidates: Names; the standard is always measured.
        weights: Of the legs ``dense`` and ``lexical``; equal by default.
        chunks: About how many are encoded, those of labelled documents first.
        seed: The same seed draws the same sample.

    Raises:
        BadInput: A name means nothing, or there are fewer than 20 queries.
    """
    rng = random.Random(seed)
    wanted = {id for some in (labels or {}).values() for id in some}
    pool = sorted(documents, key=lambda one: one.id)
    rng.shuffle(pool)
    pool.sort(key=lambda one: one.id not in wanted)
    cuts: Sequence[Cut] = _sample(pool, splitter, chunks)
    if labels is None:
        cuts, pairs = clozed(cuts, n=300, seed=seed)
        asked = [(pair.query, set(pair.chunks)) for pair in pairs]
    else:
        held = {document.id for document, _ in cuts}
        asked = [(text, set(right) & held) for text, right in labels.items() if set(right) & held]
    if len(asked) < _FEWEST:
        raise BadInput(
            f"Only {len(asked)} queries could be made or were given; {_FEWEST} are the least that "
            "say something. Give more documents or labels, or choose by name."
        )
    mixture = weights or {"dense": 0.5, "lexical": 0.5}
    names = list(dict.fromkeys([STANDARD, *candidates]))
    gives_tokens = callable(getattr(encoder, "encode_document_tokens", None))
    done: dict[ChunkEncoder, Vectors] = {}
    scores: dict[str, Scores] = {}
    for name in names:
        if re.search(r"\blate\b", name) and not gives_tokens:
            continue
        space = situated(name, encoder)
        rows = encoded(space, cuts, done)
        scores[name] = _scores(space, rows, cuts, asked, mixture, labels is not None)
    return _choice(scores, labels is not None)


def _sample(pool: Sequence[Document], splitter: Splitter, chunks: int) -> list[Cut]:
    cuts = []
    total = 0
    for document in pool:
        if total >= chunks:
            break
        some = splitter.split(document)
        cuts.append(Cut(document, some))
        total += len(some)
    return cuts


def _scores(
    space: ChunkEncoder,
    rows: Vectors,
    cuts: Sequence[Cut],
    asked: Sequence[tuple[str, set[str]]],
    weights: Mapping[str, float],
    by_document: bool,
) -> Scores:
    """nDCG@10 of each query."""
    store = MemoryStore({"dense": space.signature.dim})
    chunks = [chunk for _, some in cuts for chunk in some]
    documents = [(document, "sample") for document, _ in cuts]
    store.replace(documents, chunks, {"dense": rows}, None, written(space, cuts))
    legs = (DenseLeg("dense", space), LexicalLeg())
    retriever = Hybrid(store, legs, weights, default(space.signature.weights))
    group_by: Grouping = "document" if by_document else "chunk"
    found = retriever.retrieve([Query(text, k=10, group_by=group_by) for text, _ in asked])
    values = []
    for (_, right), hits in zip(asked, found, strict=True):
        ranking = [doc_id_of(hit.id) if by_document else hit.id for hit in hits]
        values.append(ndcg(ranking, dict.fromkeys(right, 1), 10))
    return np.array(values)


def _choice(scores: Mapping[str, Scores], labelled: bool) -> Choice:
    standard = scores[STANDARD]
    level = 1 - _DOUBT / max(1, len(scores) - 1)
    table = []
    for name, some in scores.items():
        gain = paired_bootstrap(some, standard, level=level)
        table.append(Measured(name, float(some.mean()), gain.value, gain.low, gain.high))
    table.sort(key=lambda one: (-round(one.value, 9), list(scores).index(one.name)))
    sure = [one for one in table if one.low > 0]
    name = sure[0].name if sure else STANDARD
    queries = f"{len(standard)} {'labelled queries' if labelled else 'sentences cut out of chunks'}"
    reason = (
        f"{name} gains {sure[0].gain:+.3f} nDCG@10 (interval {sure[0].low:+.3f} to "
        f"{sure[0].high:+.3f}) over the standard {STANDARD} on {queries}, with "
        "95 % confidence over all candidates."
        if sure
        else f"No candidate is better than the standard {STANDARD} with 95 % confidence on {queries}."
    )
    return Choice(name, reason, tuple(table), len(standard), labelled)
