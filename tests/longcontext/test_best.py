"""`BestChunks`: documents by their best few chunks."""

from __future__ import annotations

import numpy as np
import pytest

from rag_embed import Document, Index, Query
from rag_embed.encoders import HashEncoder
from rag_embed.longcontext import BestChunks
from rag_embed.ranking.rerank import Reranked, stored_rows

WORDS = [
    "red",
    "fox",
    "sea",
    "blue",
    "whale",
    "sings",
    "night",
    "long",
    "grass",
    "green",
    "sky",
    "runs",
]


@pytest.fixture(scope="module")
def index():
    index = Index.in_memory(encoder=HashEncoder(64), chunk_tokens=6)
    draw = np.random.default_rng(0)
    for i in range(30):
        words = draw.choice(WORDS, size=int(draw.integers(3, 60)))
        index.add([Document(f"d{i}", " ".join(words), user="ann" if i == 7 else None)])
    return index


def documents(index, take=2, pool=400) -> Reranked:
    return Reranked(
        index.retriever, BestChunks(take), depth=pool, spread=False, rows=stored_rows(index.store)
    )


def whole(text, **options) -> Query:
    return Query(text, group_by="document", **options)


def test_a_score_is_the_mean_of_the_best(index):
    pool = 50
    chunks = index.retriever.retrieve([Query("red fox runs", k=pool)])[0]
    for take in (1, 2, 3):
        hits = documents(index, take, pool).retrieve([whole("red fox runs", k=8)])[0]
        for hit in hits:
            own = [one.score for one in chunks if one.chunk.doc_id == hit.chunk.doc_id]
            padded = [*own, *[chunks[-1].score] * take][:take]
            assert hit.score == pytest.approx(np.mean(padded))
            assert hit.chunk.id == next(
                one.chunk.id for one in chunks if one.chunk.doc_id == hit.chunk.doc_id
            )
        scores = [hit.score for hit in hits]
        assert scores == sorted(scores, reverse=True)


def test_fewer_are_a_prefix_of_more_and_all_are_found(index):
    retriever = documents(index, pool=4)
    many = [hit.chunk.doc_id for hit in retriever.retrieve([whole("blue whale", k=100)])[0]]
    assert len(many) == len(set(many)) == 29
    for k in (0, 1, 5, 20):
        few = retriever.retrieve([whole("blue whale", k=k)])[0]
        assert [hit.chunk.doc_id for hit in few] == many[:k]


def test_owners_and_relevance_are_respected(index):
    retriever = documents(index)
    mine, theirs = retriever.retrieve(
        [whole("red fox", k=100, user="ann"), whole("red fox", k=100, user="ben")]
    )
    assert "d7" in {hit.chunk.doc_id for hit in mine}
    assert "d7" not in {hit.chunk.doc_id for hit in theirs}
    bar = sorted(hit.relevance for hit in mine)[len(mine) // 2]
    over = retriever.retrieve([whole("red fox", k=100, user="ann", min_relevance=bar)])[0]
    assert 0 < len(over) < len(mine) and all(hit.relevance >= bar for hit in over)
