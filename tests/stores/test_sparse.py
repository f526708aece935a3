"""Sparse spaces of a store: exact products, whoever owns what, however chunks come and go."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_embed import Chunk, Document
from rag_embed.errors import BadInput, StoreError
from rag_embed.filters import field
from rag_embed.maths.inverted import Inverted, dot_products, joined
from rag_embed.stores.lance import LanceStore
from rag_embed.stores.memory import MemoryStore
from rag_embed.stores.sparse_rows import halved
from rag_embed.testing.store_data import DIM, vector
from rag_embed.types import ChunkRows, SparseVector

TERMS = 300


def sparse(text: str, many: int = 12) -> SparseVector:
    """A vector that its text tells."""
    random = np.random.default_rng(list(text.encode()))
    ids = np.sort(random.choice(TERMS, many, replace=False)).astype(np.int32)
    return SparseVector(ids, random.gamma(1.0, size=many).astype(np.float32) + np.float32(0.01))


def dense(one: SparseVector) -> np.ndarray:
    row = np.zeros(TERMS)
    row[one.ids] = one.weights
    return row


def expected(query: SparseVector, texts: list[str]) -> np.ndarray:
    return np.array([dense(query) @ dense(halved(sparse(text))) for text in texts])


def put(store, *documents: Document, weighed: bool = True) -> None:
    """Documents of one chunk each."""
    chunks = [Chunk.of(one, 0, len(one.text)) for one in documents]
    vectors = np.concatenate([vector(one.text) for one in documents])
    rows = {"terms": [sparse(one.text) for one in documents]} if weighed else {}
    store.replace(
        [(one, "h") for one in documents], ChunkRows(chunks, {"dense": vectors}, sparse=rows)
    )


def name(text: str, user: str | None = None) -> Document:
    return Document(text, text, metadata={"even": int(text[1:]) % 2 == 0}, user=user)


TEXTS = [f"t{i}" for i in range(40)]
OWNED = [f"p{i}" for i in range(8)]


@pytest.fixture(params=["memory", "lance", "lance on disk"])
def bare(request, tmp_path):
    fields = {"even": bool}
    if request.param == "memory":
        return MemoryStore({"dense": DIM}, fields=fields)
    from rag_embed.fields import Fields

    store = LanceStore.create(tmp_path / "kb", {"dense": DIM}, fields=Fields.of(fields))
    if request.param == "lance on disk":
        store.cache_bytes = 0
    return store


@pytest.fixture
def store(bare):
    bare.grow({}, [], {"terms": TERMS})
    bare.adopt({})
    return bare


def found(store, query, n=100, where=None):
    [(ids, scores)] = store.view().weighed("terms", [query], n, where)
    return [id.partition("#")[0] for id in ids], scores


def test_products_are_exact_and_in_order(store) -> None:
    put(store, *map(name, TEXTS))
    queries = [
        sparse("q1", 30),
        sparse("q2", 3),
        SparseVector(np.empty(0, np.int32), np.empty(0, np.float32)),
    ]
    view = store.view()
    for query, (ids, scores) in zip(
        queries, view.weighed("terms", queries, 100, None), strict=True
    ):
        products = dict(zip(TEXTS, expected(query, TEXTS), strict=True))
        assert {id.partition("#")[0] for id in ids} == {
            text for text, one in products.items() if one > 0
        }
        np.testing.assert_allclose(
            scores, [products[id.partition("#")[0]] for id in ids], rtol=1e-5
        )
        assert (np.diff(scores) <= 0).all() and scores.dtype == np.float32
        [same] = view.weighed_scores("terms", [query], [[*ids, "nowhere#0-1"]])
        np.testing.assert_array_equal(same, [*scores, 0])
        assert view.weighed("terms", [query], 3, None)[0][0] == ids[:3]
    assert view.weighed("terms", [], 5, None) == []


def test_all_stores_give_the_same_bits(tmp_path) -> None:
    stores = [MemoryStore({"dense": DIM}), LanceStore.create(tmp_path / "a", {"dense": DIM})]
    stores.append(LanceStore.create(tmp_path / "b", {"dense": DIM}))
    stores[2].cache_bytes = 0
    answers = []
    for store in stores:
        store.grow({}, [], {"terms": TERMS})
        store.adopt({})
        for text in TEXTS:  # a commit each, so that postings are joined
            put(store, name(text))
            store.view().weighed("terms", [sparse("x")], 5, None)
        answers.append(found(store, sparse("q", 40)))
    for ids, scores in answers[1:]:
        assert ids == answers[0][0]
        np.testing.assert_array_equal(scores, answers[0][1])


def test_filters_and_owners(store) -> None:
    put(store, *map(name, TEXTS), *(name(text, "ann") for text in OWNED))
    query = sparse("q", 60)
    even, _ = found(store, query, where=field("even") == True)  # noqa: E712
    assert even and all(int(id[1:]) % 2 == 0 for id in even)
    shared, scores = found(store, query, where=field("user_id").is_missing())
    assert shared and not set(shared) & set(OWNED)
    np.testing.assert_allclose(scores, [expected(query, [id])[0] for id in shared], rtol=1e-5)
    assert found(store, query, where=field("id") == "nope")[0] == []


def test_what_is_replaced_deleted_or_forgotten_is_found_no_more(store) -> None:
    put(store, *map(name, TEXTS), name("p1", "ann"))
    query = sparse("q", 100)
    before = store.view()
    put(store, Document("t3", "t99", metadata={"even": False}))
    assert store.view().sparse("terms", ["t3#0-3"])[0].ids.tolist() == sparse("t99").ids.tolist()
    store.delete(["t4", "t5"])
    assert {"t4#0-2", "p1#0-2"} <= set(before.weighed("terms", [query], 100, None)[0][0])
    store.forget("ann")
    ids, scores = found(store, query)
    assert {"t4", "t5", "p1"}.isdisjoint(ids)
    texts = {"t3": "t99"}
    np.testing.assert_allclose(
        scores, [expected(query, [texts.get(id, id)])[0] for id in ids], rtol=1e-5
    )


def test_room_is_made_beside_chunks_and_filled_bit_by_bit(bare) -> None:
    put(bare, *map(name, TEXTS[:3]), weighed=False)
    bare.grow({}, [], {"terms": TERMS})
    with pytest.raises(StoreError, match="3 chunks without values"):
        bare.adopt({})
    bare.fill(["t1#0-2"], {}, {}, {"terms": [sparse("t1")]})
    bare.grow({}, [], {"terms": TERMS})  # again, as after a crash
    assert bare.lacking() == ["t0#0-2", "t2#0-2"]
    with pytest.raises(BadInput, match="expected vectors of 1 chunks"):
        bare.fill(["t0#0-2"], {}, {}, {"terms": []})
    left = ["t0#0-2", "t2#0-2"]
    bare.fill(left, {}, {}, {"terms": [sparse("t0"), sparse("t2")]})
    bare.adopt({"note": 1})
    assert bare.settings()["note"] == 1 and bare.lacking() == []
    ids, scores = found(bare, sparse("q", 200))
    np.testing.assert_allclose(scores, expected(sparse("q", 200), ids), rtol=1e-5)
    put(bare, name("t7"))
    assert "t7" in found(bare, sparse("t7"))[0]
    bare.drop("terms", {"note": 2})
    assert bare.settings()["note"] == 2
    with pytest.raises(BadInput, match="Unknown sparse space"):
        bare.view().weighed("terms", [sparse("q")], 3, None)
    put(bare, name("t8"), weighed=False)


def test_a_space_that_was_dropped_and_made_again_holds_the_new_weights(store) -> None:
    put(store, name("t1"), name("t2"))
    assert found(store, sparse("t1"))[0][0] == "t1"
    store.drop("terms", {})
    store.grow({}, [], {"terms": TERMS})
    store.fill(["t1#0-2", "t2#0-2"], {}, {}, {"terms": [sparse("t2"), sparse("t1")]})
    store.adopt({})
    assert found(store, sparse("t1"))[0][0] == "t2"


@pytest.mark.parametrize(
    "spaces, terms", [({}, {"dense": 9}), ({"x": 4}, {"x": 9}), ({}, {"X!": 9}), ({}, {"x": 0})]
)
def test_names_that_cannot_be_used(bare, spaces, terms) -> None:
    with pytest.raises(BadInput):
        bare.grow(spaces, [], terms)


BAD = {
    "unsorted": ([2, 1], [1, 1]),
    "twice": ([1, 1], [1, 1]),
    "outside": ([TERMS], [1]),
    "negative term": ([-1], [1]),
    "zero": ([1], [0]),
    "negative": ([1], [-1]),
    "nan": ([1], [np.nan]),
    "too large": ([1], [1e6]),
    "unequal": ([1, 2], [1]),
}


@pytest.mark.parametrize("kind", BAD)
def test_vectors_that_do_not_fit_change_nothing(store, kind) -> None:
    put(store, name("t1"))
    ids, weights = BAD[kind]
    bad = SparseVector(np.array(ids, np.int32), np.array(weights, np.float32))
    chunk = Chunk.of(name("t2"), 0, 2)
    for rows in ({"terms": [bad]}, {"terms": []}, {}, {"terms": [sparse("t2")], "more": [bad]}):
        with pytest.raises(BadInput, match="(?i)sparse"):
            store.replace(
                [(name("t2"), "h")], ChunkRows([chunk], {"dense": vector("t2")}, sparse=rows)
            )
    assert list(store.document_ids()) == ["t1"]


def test_unknown_chunks_and_spaces(store) -> None:
    put(store, name("t1"))
    with pytest.raises(BadInput, match="Unknown chunk ids"):
        store.view().sparse("terms", ["nowhere#0-1"])
    for ask in (
        lambda view: view.sparse("more", ["t1#0-2"]),
        lambda view: view.weighed_scores("more", [sparse("q")], [["t1#0-2"]]),
    ):
        with pytest.raises(BadInput, match="Unknown sparse space 'more'"):
            ask(store.view())


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 5))
def test_postings_give_the_products_of_matrices(seed, rows, parts) -> None:
    random = np.random.default_rng(seed)
    matrix = np.where(random.random((rows, 20)) < 0.3, random.random((rows, 20)), 0).astype(
        np.float16
    )
    held: list[Inverted] = []
    for some in np.array_split(np.arange(rows, dtype=np.int32), parts):
        at, terms = np.nonzero(matrix[some])
        held = joined(
            held, Inverted.weighted(terms.astype(np.int32), some[at], matrix[some][at, terms])
        )
    query = SparseVector.of(np.where(random.random(20) < 0.5, random.random(20), 0))
    size = int(random.integers(0, rows + 1))
    row = np.zeros(20, np.float32)
    row[query.ids] = query.weights
    np.testing.assert_allclose(
        dot_products(query, held, size), (matrix.astype(np.float32) @ row)[:size], rtol=1e-5
    )
