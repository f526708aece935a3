"""Which way to situate chunks suits a corpus: measured on a sample of it, with labels or without.

Without labels the queries are sentences cut *out* of the documents (`training.clozed`), half of them
named by their document's title: what is left, and what situates it, must find the place again.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from rag_embed.errors import BadInput
from rag_embed.evaluation.collection import Collection
from rag_embed.evaluation.verdict import Tried, Verdict, told
from rag_embed.maths.metrics import ndcg
from rag_embed.maths.resampling import paired_bootstrap
from rag_embed.protocols import ChunkEncoder, Encoder, Splitter, TokenEncoder
from rag_embed.ranking.hybrid import Hybrid
from rag_embed.ranking.legs import DenseLeg, LexicalLeg
from rag_embed.ranking.relevance import BASIS, default
from rag_embed.situated.composed import encoded
from rag_embed.situated.expressions import FULL, STANDARD, situated
from rag_embed.situated.space import written
from rag_embed.stores.memory import MemoryStore
from rag_embed.text import amount
from rag_embed.training.clozed import clozed
from rag_embed.types import DENSE, ChunkRows, Cut, Document, Grouping, Query, Vectors, doc_id_of

CANDIDATES = ("isolated", "titled", "headed(isolated,1)", "headed(titled,1.5)", STANDARD, FULL)
"""What is tried: from no context to all that is cheap."""

_DOUBT = 0.05
"""Chance to leave the standard for what is no better, all candidates together."""

_FEWEST = 20
"""Queries below which no difference is taken for real."""

NAME = "situate"

Scores = npt.NDArray[np.float64]


def choose(
    documents: Iterable[Document],
    splitter: Splitter,
    encoder: Encoder,
    labels: Collection | None = None,
    *,
    candidates: Sequence[str] = CANDIDATES,
    weights: Mapping[str, float] | None = None,
    chunks: int = 600,
    seed: int = 0,
) -> Verdict[str]:
    """Measure ways to situate chunks on a sample, dense and lexical evidence together.

    The standard stays unless another is better with 95 % confidence on these queries, all
    comparisons together.

    Args:
        documents: The corpus, or a good part of it; held in memory.
        splitter: Cuts documents; without overlap where there are no labels.
        encoder: Gives token vectors, for ``late``; candidates that it cannot do are left out.
        labels: At least 20 judged queries. Without them, sentences of the documents are asked: that
            favours what finds a passage by its content.
        candidates: Names; the standard is always measured.
        weights: Of the legs ``dense`` and ``lexical``; equal by default.
        chunks: About how many are encoded, those of labelled documents first.
        seed: The same seed draws the same sample.

    Raises:
        BadInput: A name means nothing, or there are fewer than 20 queries.
    """
    rng = random.Random(int(seed))
    judged = {} if labels is None else {one.query.text: one.relevant for one in labels.labelled}
    wanted = {id for grades in judged.values() for id, grade in grades.items() if grade > 0}
    pool = sorted(documents, key=lambda one: one.id)
    rng.shuffle(pool)
    pool.sort(key=lambda one: one.id not in wanted)
    cuts: Sequence[Cut] = _sample(pool, splitter, chunks)
    if labels is None:
        cuts, pairs = clozed(cuts, n=300, seed=seed)
        asked = [(pair.query, set(pair.chunks)) for pair in pairs]
    else:
        held = {document.id for document, _ in cuts}
        right = {text: wanted & held & grades.keys() for text, grades in judged.items()}
        asked = [(text, ids) for text, ids in right.items() if ids]
    if len(asked) < _FEWEST:
        raise BadInput(
            f"Only {amount(len(asked), 'query')} could be made or came; {_FEWEST} are the least that "
            "say something. Give more documents or labels, or choose by name."
        )
    mixture = weights or BASIS
    names = list(dict.fromkeys([STANDARD, *candidates]))
    gives_tokens = isinstance(encoder, TokenEncoder)
    done: dict[ChunkEncoder, Vectors] = {}
    scores: dict[str, Scores] = {}
    for name in names:
        if re.search(r"\blate\b", name) and not gives_tokens:
            continue
        space = situated(name, encoder)
        rows = encoded(space, cuts, done)
        scores[name] = _scores(space, rows, cuts, asked, mixture, labels is not None)
    return _verdict(scores, labels is not None)


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
    store = MemoryStore({DENSE: space.signature.dim})
    chunks = [chunk for _, some in cuts for chunk in some]
    documents = [(document, "sample") for document, _ in cuts]
    store.replace(documents, ChunkRows(chunks, {DENSE: rows}, lexical=written(space, cuts)))
    legs = (DenseLeg(DENSE, space), LexicalLeg())
    retriever = Hybrid(store, legs, weights, default(space.signature.fingerprint, weights))
    group_by: Grouping = "document" if by_document else "chunk"
    found = retriever.retrieve([Query(text, k=10, group_by=group_by) for text, _ in asked])
    values = []
    for (_, right), hits in zip(asked, found, strict=True):
        ranking = [doc_id_of(hit.id) if by_document else hit.id for hit in hits]
        values.append(ndcg(ranking, dict.fromkeys(right, 1), 10))
    return np.array(values)


def _verdict(scores: Mapping[str, Scores], labelled: bool) -> Verdict[str]:
    """The best candidate that is surely better than the standard.

    Intervals of all candidates hold together with 95 % (Bonferroni), as the best of several looks
    better than it is.
    """
    standard = scores[STANDARD]
    level = 1 - _DOUBT / max(1, len(scores) - 1)
    tried = [
        Tried(name, float(some.mean()), paired_bootstrap(some, standard, level=level))
        for name, some in scores.items()
    ]
    tried.sort(key=lambda one: (-round(one.value, 9), list(scores).index(one.name)))
    sure = next((one for one in tried if one.gain is not None and one.gain.low > 0), None)
    queries = f"{len(standard)} {'labelled queries' if labelled else 'sentences cut out of chunks'}"
    if sure is None or sure.gain is None:
        best = next((one for one in tried if one.name != STANDARD and one.gain is not None), None)
        reason = f"No candidate is better than the standard {STANDARD} with 95 % confidence on {queries}."
        if best is not None and best.gain is not None:
            reason += f" The best of them, {best.name}, differs by {told(best.gain)} nDCG@10."
        return Verdict(NAME, STANDARD, tried[0].gain, False, reason, tuple(tried))
    reason = (
        f"{sure.name} gains {told(sure.gain)} nDCG@10 over the standard {STANDARD} on {queries}, with "
        "95 % confidence over all candidates."
    )
    return Verdict(NAME, sure.name, sure.gain, True, reason, tuple(tried))
