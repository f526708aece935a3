"""Spaces and tokens added to a store that holds chunks already."""

from __future__ import annotations

import numpy as np
import pytest

from rag_embed import Chunk, Document
from rag_embed.errors import BadInput, StoreError
from rag_embed.maths.vectors import unit
from rag_embed.stores.lance import LanceStore
from rag_embed.stores.memory import MemoryStore
from rag_embed.testing.store_data import DIM, vector, write
from rag_embed.types import ChunkRows, TokenBits

WIDE = 64  # LanceDB looks for vectors in columns this wide
NEW = {"other": WIDE}


@pytest.fixture(params=["memory", "lance", "lance on disk"])
def store(request, tmp_path):
    if request.param == "memory":
        return MemoryStore({"dense": DIM})
    store = LanceStore.create(tmp_path / "kb", {"dense": DIM})
    if request.param == "lance on disk":
        store.cache_bytes = 0
    return store


def rows(ids: list[str]) -> dict[str, np.ndarray]:
    """A row per chunk that its id tells."""
    found = [np.random.default_rng(list(id.encode())).normal(size=WIDE) for id in ids]
    return {"other": unit(np.array(found).reshape(-1, WIDE))}


def kept(ids: list[str]) -> dict[str, list[TokenBits]]:
    return {
        "dense": [
            TokenBits(np.arange(len(id), dtype=np.int32), np.full((len(id), 1), 7, np.uint8))
            for id in ids
        ]
    }


def fill(store) -> list[str]:
    ids = store.lacking()
    store.fill(ids, rows(ids), kept(ids))
    return ids


def test_what_was_grown_is_searched_after_adopting(store) -> None:
    write(store, Document("a", "one\ntwo"), Document("b", "three"))
    before = store.view()
    store.grow(NEW, ["dense"])
    assert store.lacking() == ["a#0-3", "a#4-7", "b#0-5"]
    with pytest.raises(StoreError, match="3 chunks without values"):
        store.adopt({})
    some = ["b#0-5"]
    store.fill(some, rows(some), kept(some))
    store.grow(NEW, ["dense"])  # again, as after a crash: what was filled stays
    assert store.lacking() == ["a#0-3", "a#4-7"]
    with pytest.raises(BadInput):
        store.view().nearest("other", rows(["x"])["other"], 1, None)
    fill(store)
    store.adopt({"note": 1})
    view = store.view()
    assert store.settings()["note"] == 1 and store.lacking() == []
    for id in ("a#0-3", "a#4-7", "b#0-5"):
        wanted = rows([id])["other"]
        assert np.allclose(view.vectors("other", [id]), wanted)
        assert view.nearest("other", wanted, 1, None)[0][0] == [id]
        assert len(view.tokens("dense", [id])[0].ids) == len(id)
    assert np.array_equal(view.vectors("dense", ["b#0-5"]), vector("three"))
    assert view.lexical(["three"], 5, None)[0][0] == ["b#0-5"]
    with pytest.raises(BadInput):
        before.tokens("dense", ["b#0-5"])


def test_documents_that_change_meanwhile_lose_what_was_computed(store) -> None:
    write(store, Document("a", "one"), Document("b", "two"), Document("c", "six"))
    store.grow(NEW, ["dense"])
    fill(store)
    write(store, Document("a", "ten"), Document("new", "four"))  # the chunk keeps its id
    store.delete(["b"])
    assert store.lacking() == ["a#0-3", "new#0-4"]
    gone = ["b#0-3", "nowhere#0-1"]
    store.fill(gone, rows(gone), kept(gone))
    assert len(store.view()) == 3
    fill(store)
    store.adopt({})
    assert np.allclose(store.view().vectors("other", ["c#0-3"]), rows(["c#0-3"])["other"])


def test_another_growth_starts_anew(store) -> None:
    write(store, Document("a", "one"))
    store.grow({"other": 3}, [])
    store.fill(["a#0-3"], {"other": np.ones((1, 3), np.float32)}, {})
    assert store.lacking() == []
    store.grow(NEW, ["dense"])
    assert fill(store) == ["a#0-3"]
    store.adopt({})
    assert store.view().moments("other").mean.size == WIDE


def test_a_space_can_be_dropped_and_made_again(store) -> None:
    write(store, Document("a", "one"))
    store.grow(NEW, [])
    store.fill(["a#0-3"], rows(["a#0-3"]), {})
    store.adopt({})
    store.drop("other", {"note": 2})
    assert store.settings()["note"] == 2
    write(store, Document("b", "two"))
    assert store.view().vectors("dense", ["b#0-3"]).shape == (1, DIM)
    with pytest.raises(BadInput):
        store.view().moments("other")
    store.grow({"other": 2}, [])
    assert store.lacking() == ["a#0-3", "b#0-3"]
    with pytest.raises(BadInput, match="only one"):
        store.drop("dense", {})
    with pytest.raises(BadInput, match="Unknown space"):
        store.drop("nope", {})


@pytest.mark.parametrize(
    "spaces, tokens",
    [
        ({"dense": 4}, []),
        ({"Bad name": 4}, []),
        ({"x'; DROP": 4}, []),
        ({"other": 0}, []),
        ({}, ["nope"]),
    ],
)
def test_what_cannot_be_grown(store, spaces, tokens) -> None:
    with pytest.raises(BadInput):
        store.grow(spaces, tokens)


def test_values_that_do_not_fit_are_refused(store) -> None:
    write(store, Document("a", "one"))
    store.grow(NEW, ["dense"])
    wide = {"other": np.ones((1, 5), np.float32)}
    holes = {"other": np.full((1, WIDE), np.nan, np.float32)}
    bits = [TokenBits(np.zeros(1, np.int32), np.zeros((1, 2), np.uint8))]
    for vectors, tokens in (
        (wide, {}),
        (holes, {}),
        (rows(["a", "b"]), {}),
        ({"nope": np.ones((1, WIDE), np.float32)}, {}),
        ({}, {"dense": bits}),
        ({}, {"other": bits}),
    ):
        with pytest.raises(BadInput):
            store.fill(["a#0-3"], vectors, tokens)
    assert store.lacking() == ["a#0-3"]


def test_a_process_that_knows_of_no_new_space_cannot_leave_old_values(tmp_path) -> None:
    store = LanceStore.create(tmp_path / "kb", {"dense": DIM})
    write(store, Document("a", "one"))
    stale = LanceStore.open(tmp_path / "kb")
    store.grow(NEW, ["dense"])
    fill(store)
    write(stale, Document("a", "ten"))  # allowed while it is being filled
    assert store.lacking() == ["a#0-3"]
    fill(store)
    store.adopt({})
    document, chunk = Document("a", "six"), Chunk.of(Document("a", "six"), 0, 3)
    with pytest.raises(StoreError, match="Open it again"):
        stale.replace([(document, "h")], ChunkRows([chunk], {"dense": vector("six")}))
    assert [c.text for c in store.view().chunks(["a#0-3"])] == ["ten"]
    fresh = LanceStore.open(tmp_path / "kb")
    assert fresh.spaces == {"dense": DIM, "other": WIDE} and fresh.token_spaces == ("dense",)
    store.drop("other", {})
    with pytest.raises(StoreError, match="Open it again"):
        stale.replace([(document, "h")], ChunkRows([chunk], {"dense": vector("six")}))


def test_a_view_that_meets_values_still_to_be_computed(tmp_path) -> None:
    """Between the switch and the last fill a reader may see chunks without values."""
    store = LanceStore.create(tmp_path / "kb", {"dense": DIM})
    write(store, Document("a", "one"), Document("b", "two"))
    store.grow(NEW, ["dense"])
    fill(store)
    store.adopt({})
    store._chunks.update(
        where="id = 'a#0-3'",
        values_sql={"v_other": "NULL", "token_bits_dense": "NULL", "token_ids_dense": "NULL"},
    )
    for cache in (2**29, 0):
        fresh = LanceStore.open(tmp_path / "kb")
        fresh.cache_bytes = cache
        view = fresh.view()
        assert not view.vectors("other", ["a#0-3"]).any()
        assert len(view.tokens("dense", ["a#0-3"])[0].ids) == 0
        assert view.frequencies("dense").count == 2
        assert view.nearest("other", rows(["b#0-3"])["other"], 1, None)[0][0] == ["b#0-3"]
    assert fill(store) == ["a#0-3"] and store.lacking() == []
