"""Whether token evidence is worth its disk on a corpus and a model that nobody has measured yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

import numpy as np

from rag_embed.errors import BadInput
from rag_embed.evaluation.collection import Collection
from rag_embed.evaluation.verdict import Verdict, told
from rag_embed.index import Index
from rag_embed.maths.metrics import ndcg
from rag_embed.maths.resampling import paired_bootstrap
from rag_embed.protocols import TokenSpace
from rag_embed.situated.tokens import without_tokens
from rag_embed.types import TOKENS, Cut, Document, Query

_NEAR = 10
"""Documents beside the right ones that each labelled query brings along."""

_DEPTH = 10


def token_gain(
    index: Index,
    labels: Collection | None = None,
    *,
    documents: int = 300,
    queries: int = 300,
    seed: int = 0,
) -> Verdict[bool]:
    """What token evidence adds to nDCG@10 (documents) on a part of an index.

    The part is indexed anew in memory, with tokens; the index stays as it is. Without labels the
    queries are sentences that are cut out of the part's documents, half of them behind the title.

    Args:
        index: With or without tokens; only shared documents are looked at.
        labels: Judged queries. With them the part is their documents and those that the index finds
            beside them.
        documents: Size of the part at most, where there are no labels.
        queries: How many at most.
        seed: The same seed takes the same part.

    Returns:
        Whether tokens are worth keeping: nDCG@10 with them less without.

    Raises:
        BadInput: The encoder gives no token vectors, or there is nothing to ask.
    """
    part, asked = (
        _labelled(index, labels, queries) if labels else _cut(index, documents, queries, seed)
    )
    if not asked:
        raise BadInput("There is no query whose answer is in the index; give labels for it.")
    plain = cast(TokenSpace, without_tokens(index.spaces.own))  # in_memory checks it
    trial = Index.in_memory(
        encoder=plain.encoder,
        splitter=index.spaces.splitter,
        situate=lambda _: plain,
        tokens=True,
        analyzer=index.store.analyzer,
    )
    trial.add(part)
    with_ = trial.experts.hybrid()
    without = replace(with_, weights={**with_.weights, TOKENS: 0.0})
    scores = []
    for retriever in (with_, without):
        hits = retriever.retrieve([Query(text, _DEPTH, group_by="document") for text in asked])
        scores.append(
            np.array(
                [
                    ndcg([hit.chunk.doc_id for hit in some], dict.fromkeys(right, 1.0), _DEPTH)
                    for some, right in zip(hits, asked.values(), strict=True)
                ]
            )
        )
    gain = paired_bootstrap(*scores)
    kept = gain.low > 0
    source = "labelled queries" if labels else "sentences cut out of documents"
    reason = f"Tokens add {told(gain)} nDCG@10 on {len(asked)} {source}."
    return Verdict(
        "tokens",
        True,
        gain,
        kept,
        reason if kept else f"No sure gain. {reason}",
        queries=len(asked),
    )


def _labelled(
    index: Index, labels: Collection, queries: int
) -> tuple[list[Document], Mapping[str, Sequence[str]]]:
    judged = {
        one.query.text: sorted(id for id, grade in one.relevant.items() if grade > 0)
        for one in labels.labelled
    }
    texts = sorted(judged)[:queries]
    right = {id for text in texts for id in judged[text]}
    known = {document.id: document for document in index.contents.documents(sorted(right))}
    asked = {text: [id for id in judged[text] if id in known] for text in texts}
    asked = {text: ids for text, ids in asked.items() if ids}
    near = index.search_many(list(asked), k=_NEAR, group_by="document")
    beside = {hit.chunk.doc_id for some in near for hit in some} - known.keys()
    return [*known.values(), *index.contents.documents(sorted(beside))], asked


def _cut(
    index: Index, documents: int, queries: int, seed: int
) -> tuple[list[Document], Mapping[str, Sequence[str]]]:
    from rag_embed.training.clozed import clozed

    ids = index.contents.matching()
    order = np.random.default_rng(seed).permutation(len(ids))[:documents]
    some = index.contents.documents([ids[i] for i in sorted(order)])
    cuts, pairs = clozed(
        [Cut(one, index.spaces.splitter.split(one)) for one in some], queries, seed=seed
    )
    return [document for document, _ in cuts], {pair.query: pair.documents for pair in pairs}
