"""Nobody sees what somebody else owns, whatever the user is called and whatever is asked."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag_embed import Document, Index, Query
from rag_embed.encoders import HashEncoder
from rag_embed.filters import And, Filter, Or, field
from rag_embed.ranking.rerank import Reranked, stored_rows
from rag_embed.ranking.rerankers import FunctionReranker

USERS = (
    "ann",
    "ann2",
    "an",
    "ANN",
    "ann' OR '1'='1",
    "*",
    "%",
    "_",
    "null",
    "None",
    " ",
    "ann\u200b",
    "日本",
    "a#b",
    "user_id",
)
WORDS = ("fox", "tea", "whale", "secret", "plan")


@pytest.fixture(scope="module", params=["memory", "lance"])
def index(request, tmp_path_factory) -> Index:
    fields = {"kind": str, "n": int}
    if request.param == "memory":
        index = Index.in_memory(encoder=HashEncoder(64), fields=fields)
    else:
        folder = tmp_path_factory.mktemp("tenancy") / "kb"
        index = Index.create(folder, encoder=HashEncoder(64), fields=fields)
    owners = (None, None, None, *USERS)
    index.add(
        Document(
            f"{i}", f"{' '.join(WORDS)} number {i}", "A title", {"kind": owner or "", "n": i}, owner
        )
        for i, owner in enumerate(owners)
    )
    return index


leaves: st.SearchStrategy[Filter] = st.one_of(
    st.sampled_from(USERS).map(lambda user: field("user_id") == user),
    st.sampled_from(USERS).map(lambda user: field("user_id") != user),
    st.just(field("user_id").is_missing()),
    st.just(~field("user_id").is_missing()),
    st.lists(st.sampled_from(USERS), max_size=4).map(lambda some: field("user_id").is_in(some)),
    st.sampled_from(USERS).map(lambda user: field("kind") == user),
    st.sampled_from(USERS).map(lambda user: field("metadata.kind") == user),
    st.integers(0, 20).map(lambda n: field("n") >= n),
    st.just(field("title").contains("")),
)
filters = st.recursive(
    leaves,
    lambda some: st.one_of(
        st.lists(some, max_size=3).map(lambda parts: And(tuple(parts))),
        st.lists(some, max_size=3).map(lambda parts: Or(tuple(parts))),
        some.map(lambda part: ~part),
    ),
    max_leaves=6,
)
anyone = st.one_of(st.none(), st.sampled_from(USERS), st.text(min_size=1, max_size=8))


def told(hits) -> list[tuple[str, list[float]]]:
    """Ids and all numbers, but for the last bit of a product of matrices of another size."""
    return [
        (hit.id, pytest.approx([hit.score, *(p.raw for p in hit.parts)], abs=1e-6)) for hit in hits
    ]


def numbers(hits) -> list[tuple[str, list[float]]]:
    return [(hit.id, [hit.score, *(part.raw for part in hit.parts)]) for hit in hits]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(user=anyone, where=st.one_of(st.none(), filters), word=st.sampled_from([*WORDS, *USERS]))
def test_no_path_shows_what_is_anothers(index, user, where, word) -> None:
    query = Query(word, k=50, where=where, user=user)
    seen = {None, user}
    hits = index.search(query)
    assert {hit.chunk.user for hit in hits} <= seen
    both = index.search_many([query, Query(word, k=50, where=where)])
    assert numbers(both[0]) == told(hits) and {hit.chunk.user for hit in both[1]} <= {None}
    grouped = index.search(Query(word, k=50, where=where, user=user, group_by="document"))
    assert {c.user for hit in grouped for c in (hit.chunk, *hit.siblings)} <= seen
    assert {
        c.user for one in index.contents.passages(index.search(query), 100) for c in one.chunks
    } <= seen
    ids = [str(i) for i in range(len(USERS) + 3)]
    assert {document.user for document in index.contents.documents(ids, user=user)} <= seen
    matching = index.contents.matching(where, user=user)
    assert {one.user for one in index.store.view().documents(matching)} <= seen
    last = FunctionReranker(lambda _, texts: [float(len(text)) for text in texts])
    assert {
        hit.chunk.user
        for hit in Reranked(index.retriever, last, rows=stored_rows(index.store)).retrieve([query])[
            0
        ]
    } <= seen
    if where is None and user in USERS:
        assert user in {hit.chunk.user for hit in index.search(Query("secret", k=50, user=user))}


def test_nothing_changes_when_others_write_at_the_same_time(tmp_path) -> None:
    index = Index.create(tmp_path / "kb", encoder=HashEncoder(64))
    index.add([Document(f"s{i}", f"{WORDS[i % 5]} shared {i}") for i in range(20)])
    index.add([Document("ann/1", "secret plan of ann", user="ann")])
    expected = told(index.search("secret plan", k=30, user="ann"))

    def write(user: str) -> None:
        own = Index.open(tmp_path / "kb", encoder=HashEncoder(64))
        for i in range(6):
            own.add([Document(f"{user}/{i}", f"secret plan plan {user} {i}", user=user)])

    with ThreadPoolExecutor(3) as pool:
        writers = [pool.submit(write, user) for user in ("bob", "eve", "joe")]
        for _ in range(12):
            assert numbers(index.search("secret plan", k=30, user="ann")) == expected
        for one in writers:
            one.result()
    assert numbers(index.search("secret plan", k=30, user="ann")) == expected
    assert len(index.search("secret plan", k=30, user="eve")) == 20 + 6
