"""Fewer hits are a prefix of more, and a batch answers like single queries, with every option on."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rag_embed import Document, Index, Query, field
from rag_embed.encoders import HashEncoder
from rag_embed.ranking.selection import BEHIND

WORDS = ["fox", "whale", "tea", "wine", "river", "stone", "cloud", "bread", "lamp", "violin"]
TEXTS = ["fox", "the violin and the river", "number 17", "a lamp on a stone", "whale wine"]
EDGES = (0, 1, 2, 7, 50, 99, 100, 101, 160, 399, 400, 401, 450)


def filled(index: Index) -> Index:
    """Some 600 chunks, 100 of them copies of others, a fifth of them private."""
    rng = np.random.default_rng(0)
    index.add(
        Document(
            f"d{i}",
            "\n\n".join(
                f"The {a} meets the {b} near number {i % 50} and goes home."
                for a, b in rng.choice(WORDS, (4, 2))
            ),
            metadata={
                "year": 2000 + i % 20,
                **({"day": f"{2000 + i % 27}-06-01"} if i % 7 else {}),
            },
            user=[None, None, None, "ann", "bob"][i % 5],
        )
        for i in range(150)
    )
    return index


@pytest.fixture(scope="module", params=["memory", "lance"])
def index(request, tmp_path_factory) -> Index:
    options = {"encoder": HashEncoder(32), "chunk_tokens": 12, "fields": {"year": int, "day": date}}
    if request.param == "memory":
        return filled(Index.in_memory(**options))
    return filled(Index.create(tmp_path_factory.mktemp("prefix") / "kb", **options))


options = st.fixed_dictionaries(
    {
        "text": st.sampled_from(TEXTS),
        "diversity": st.sampled_from([0.0, 0.0, 0.2, 0.7, 1.0]),
        "group_by": st.sampled_from(["chunk", "document"]),
        "min_relevance": st.sampled_from([0.0, 0.0, 0.01, 0.03, 0.2]),
        "where": st.sampled_from([None, field("year") >= 2010, field("id") == "d3"]),
        "user": st.sampled_from([None, "ann", "bob"]),
        "fresh": st.sampled_from([None, 30, 3650]),
    }
)


@settings(max_examples=25)
@example({"text": "violin", "diversity": 0.7}, {100, 101})
@example({"text": "violin", "min_relevance": 0.03}, {100, 400})
@given(options, st.sets(st.sampled_from(EDGES), min_size=2, max_size=3))
def test_fewer_hits_are_a_prefix_of_more(index, asked, some) -> None:
    *few, most = sorted(some)
    queries = [Query(**asked, k=k) for k in (*few, most)]
    found = [index.search(query) for query in queries]
    for query, hits in zip(queries, found, strict=True):
        assert hits == found[-1][: query.k]


@settings(max_examples=10)
@example(
    [({"text": "fox"}, 0), ({"text": "fox"}, 1), ({"text": "number 17", "diversity": 0.7}, 399)]
)
@given(st.lists(st.tuples(options, st.sampled_from(EDGES)), min_size=2, max_size=4))
def test_no_query_of_a_batch_changes_another(index, asked) -> None:
    queries = [Query(**one, k=k) for one, k in asked]
    for one, together in zip(queries, index.search_many(queries), strict=True):
        alone = [(hit.id, hit.siblings) for hit in index.search(one)]
        assert alone == [(hit.id, hit.siblings) for hit in together]


def test_all_that_is_relevant_is_found_however_deep(index) -> None:
    """Relevance and rank differ: the cosine counts again in relevance."""
    everything = index.search("violin", k=1000, user="ann")
    least = sorted(hit.relevance for hit in everything)[-250]
    found = index.search("violin", k=1000, user="ann", min_relevance=least)
    assert [hit.id for hit in found[:100]] == [
        hit.id for hit in everything if hit.relevance >= least
    ][:100]
    assert len(found) > 240


def test_diverse_hits_beyond_the_first_block_are_unlike_those_before() -> None:
    index = Index.in_memory(encoder=HashEncoder(32))
    index.add([Document(f"copy{i:03}", "red fox in the snow") for i in range(110)])
    index.add([Document(f"other{i:02}", f"red boat {WORDS[i % 10]} {i}") for i in range(20)])
    ids = [hit.chunk.doc_id for hit in index.search("red fox", k=130, diversity=1.0)]
    [best] = index.search("red fox", k=1)
    assert ids[0] == best.chunk.doc_id and sorted(ids) == sorted(index.store.document_ids())
    last = [id for id in ids[100:] if id.startswith("copy")]
    assert ids[100 : 130 - len(last)] == [id for id in ids[100:] if id.startswith("other")]


@pytest.mark.parametrize("group_by", ["chunk", "document"])
@pytest.mark.parametrize("text", TEXTS)
def test_scores_fall_from_block_to_block(index, text, group_by) -> None:
    """A chunk that two legs find late, together, can be better than what one of them found early."""
    hits = index.search(text, k=1000, user="ann", group_by=group_by)
    scores = [hit.score for hit in hits]
    assert all(after - before <= 2e-5 for before, after in pairwise(scores))
    for place, hit in enumerate(hits):
        assert place >= 100 or BEHIND not in [part.leg for part in hit.parts]
        assert hit.score == pytest.approx(sum(part.contribution for part in hit.parts), abs=1e-6)
